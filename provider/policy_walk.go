package provider

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// A policy has thousands of values, and the framework looks up the type of each a dozen times in every plan. Its own attributes
// copy all their attributes at every step of the way there, and make every type anew; these remember both.

type walkedSingle struct {
	schema.SingleNestedAttribute
	kind attr.Type
}

func walkSingle(a schema.SingleNestedAttribute) walkedSingle { return walkedSingle{a, a.GetType()} }

// GetType implements schema.Attribute.
func (a walkedSingle) GetType() attr.Type { return a.kind }

// ApplyTerraform5AttributePathStep implements tftypes.AttributePathStepper.
func (a walkedSingle) ApplyTerraform5AttributePathStep(step tftypes.AttributePathStep) (any, error) {
	return into(a.Attributes, step)
}

type walkedMap struct {
	schema.MapNestedAttribute
	kind    attr.Type
	element walkedObject
}

func walkMap(a schema.MapNestedAttribute) walkedMap {
	return walkedMap{a, a.GetType(), walkedObject{a.NestedObject, a.NestedObject.Type()}}
}

// GetType implements schema.Attribute.
func (a walkedMap) GetType() attr.Type { return a.kind }

// ApplyTerraform5AttributePathStep implements tftypes.AttributePathStepper.
func (a walkedMap) ApplyTerraform5AttributePathStep(step tftypes.AttributePathStep) (any, error) {
	if _, ok := step.(tftypes.ElementKeyString); !ok {
		return nil, fmt.Errorf("no step %T into a map", step)
	}
	return a.element, nil
}

type walkedObject struct {
	schema.NestedAttributeObject
	kind basetypes.ObjectTypable
}

// Type is that of the object.
func (o walkedObject) Type() basetypes.ObjectTypable { return o.kind }

// ApplyTerraform5AttributePathStep implements tftypes.AttributePathStepper.
func (o walkedObject) ApplyTerraform5AttributePathStep(step tftypes.AttributePathStep) (any, error) {
	return into(o.Attributes, step)
}

func into(attributes map[string]schema.Attribute, step tftypes.AttributePathStep) (any, error) {
	name, _ := step.(tftypes.AttributeName)
	if a, ok := attributes[string(name)]; ok {
		return a, nil
	}
	return nil, fmt.Errorf("no attribute %q", name)
}
