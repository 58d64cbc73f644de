package provider

import (
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// The attribute `policy` has the names and the shape of a policy's JSON, so that nothing but this schema has to be kept in step
// with the package. What is null there is not in the document.

// policyTypes is what the attribute's object is made of.
var policyTypes = func() map[string]attr.Type {
	all := map[string]attr.Type{}
	for name, a := range policyAttributes() {
		all[name] = a.GetType()
	}
	return all
}()

// tableForm is a table as policies name it; wildForm is also all of a schema.
var (
	tableForm = regexp.MustCompile(`^[^.\s]+\.[^.\s]+$`)
	dayForm   = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
)

func tableName() validator.String {
	return stringvalidator.RegexMatches(tableForm, `is no table: write it with its schema, such as "drchrono.patients"`)
}

func day() validator.String {
	return stringvalidator.RegexMatches(dayForm, `is no day: write year, month and day, such as "2027-06-30"`)
}

func policyAttribute(required bool, about string) schema.Attribute {
	return walkSingle(schema.SingleNestedAttribute{
		MarkdownDescription: about,
		Required:            required,
		Optional:            !required,
		Attributes:          policyAttributes(),
	})
}

func policyAttributes() map[string]schema.Attribute {
	must := func(about string, validators ...validator.String) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: about, Required: true, Validators: append(validators, stringvalidator.LengthAtLeast(1))}
	}
	may := func(about string, validators ...validator.String) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: about, Optional: true, Validators: append(validators, stringvalidator.LengthAtLeast(1))}
	}
	number := func(required bool, about string, validators ...validator.Int64) schema.Int64Attribute {
		return schema.Int64Attribute{MarkdownDescription: about, Required: required, Optional: !required, Validators: validators}
	}
	truth := func(about string) schema.BoolAttribute {
		return schema.BoolAttribute{MarkdownDescription: about, Optional: true}
	}
	names := func(required bool, about string) schema.ListAttribute {
		return schema.ListAttribute{
			MarkdownDescription: about, Required: required, Optional: !required, ElementType: types.StringType,
			Validators: []validator.List{listvalidator.SizeAtLeast(1), listvalidator.NoNullValues()},
		}
	}
	rule := map[string]schema.Attribute{
		"transformer": must("What becomes of the values. [The guide](../guides/staging.md) lists all."),
		"domain":      may("Of ids: what shares a domain is mapped alike. Default: that of the column it refers to, or its own."),
		"value":       schema.StringAttribute{MarkdownDescription: "Of `constant`: the value, which may be empty.", Optional: true},
		"part":        may("Of `name` and `person`: `first`, `middle`, `last` or `full`.", stringvalidator.OneOf("first", "middle", "last", "full")),
		"class":       may("Class of identifiers, `A` to `R` as in 45 CFR 164.514(b)(2)(i), or `none`, where the name suggests another one."),
		"reason":      may("Why it may be kept although its type or its name suggests otherwise."),
		"type":        may("Type of the column for which that reason holds; with another one it has to be looked at again."),
	}
	column := together(rule, map[string]schema.Attribute{
		"unknown": may("Of `json`: what becomes of members that `paths` does not name: `fail`, or `drop`. Default: `fail`.", stringvalidator.OneOf("fail", "drop")),
		"paths": walkMap(schema.MapNestedAttribute{
			MarkdownDescription: "Of `json`: rules by path, such as `address.street` or `contacts[].phone`; `[]` is each element, `*` a member of any name. Names that `*` stands for may be persons' and become numbers.",
			Optional:            true,
			Validators:          []validator.Map{mapvalidator.SizeAtLeast(1)},
			NestedObject:        schema.NestedAttributeObject{Attributes: rule},
		}),
	})
	return map[string]schema.Attribute{
		"version": number(false, "Version of the policy's format. Default: `1`, the only one.", int64validator.OneOf(policy.Version)),
		"method": must("By which way of 45 CFR 164.514(b) the result counts as de-identified: `safe_harbor`, or `expert_determination`, without which nothing derived from a person (shifted dates, keyed codes) may be in it.",
			stringvalidator.OneOf(string(policy.SafeHarbor), string(policy.ExpertDetermination))),
		"attestation": schema.SingleNestedAttribute{
			MarkdownDescription: "Who stands for that: of Safe Harbor, that nobody has actual knowledge by which what is left could identify somebody; of an expert determination, the determination.",
			Required:            true,
			Attributes: map[string]schema.Attribute{
				"by":      must("Role or name of the person, or of the expert."),
				"id":      may("Id of the determination; an expert determination needs one."),
				"expires": must("Last day on which a run may rely on it, such as `2027-06-30`.", day()),
			},
		},
		"keys": may("How long keys live: `ephemeral`, made for one run and never written down, so that two runs cannot be linked; or `persistent`, from `key_secret`, so that the same value has the same pseudonym in each run. Default: `ephemeral`.",
			stringvalidator.OneOf(string(policy.Ephemeral), string(policy.Persistent))),
		"as_of": may("Day at which ages are judged, when it is after that of the run, such as the last one on which the result is used.", day()),
		"shift": schema.SingleNestedAttribute{
			MarkdownDescription: "For the transformer `shift`: by how many days a person's dates move, the same in all tables and never 0.",
			Optional:            true,
			Attributes: map[string]schema.Attribute{
				"min":   number(true, "Fewest days, such as `-364`."),
				"max":   number(true, "Most days, at most `-1`: what moves forward would lie in days to come."),
				"weeks": truth("Whether whole weeks only, so that a Monday stays one. Default: `false`."),
			},
		},
		"subject": schema.SingleNestedAttribute{
			MarkdownDescription: "The table of the persons whom the data is about.",
			Optional:            true,
			Attributes: map[string]schema.Attribute{
				"table": must("The table, such as `drchrono.patients`.", tableName()),
				"key":   must("Its key column."),
			},
		},
		"tables": walkMap(schema.MapNestedAttribute{
			MarkdownDescription: "Rules by table, as `schema.table`. A table that is neither here nor in `exclude`, and a column without a rule, fail the plan and the run.",
			Required:            true,
			Validators:          []validator.Map{mapvalidator.SizeAtLeast(1), mapvalidator.KeysAre(tableName())},
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"subject": names(false, "How a row's person is found: the column that holds the subject's key, or the way there, column by column along references. Left out, rows are about nobody."),
				"columns": walkMap(schema.MapNestedAttribute{
					MarkdownDescription: "A rule for every column.",
					Required:            true,
					Validators:          []validator.Map{mapvalidator.SizeAtLeast(1)},
					NestedObject:        schema.NestedAttributeObject{Attributes: column},
				}),
			}},
		}),
		"exclude": schema.MapAttribute{
			MarkdownDescription: "Tables that are left out and are empty in staging, as `schema.table` or `schema.*`, each with the reason.",
			Optional:            true,
			ElementType:         types.StringType,
			Validators: []validator.Map{
				mapvalidator.SizeAtLeast(1), mapvalidator.NoNullValues(), mapvalidator.KeysAre(tableName()), mapvalidator.ValueStringsAre(stringvalidator.LengthAtLeast(1)),
			},
		},
		"references": schema.ListNestedAttribute{
			MarkdownDescription: "References that no foreign key declares. What they hold is mapped as what it refers to.",
			Optional:            true,
			Validators:          []validator.List{listvalidator.SizeAtLeast(1)},
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"table":     must("Table that refers.", tableName()),
				"column":    must("Its column."),
				"to":        must("Table that is referred to.", tableName()),
				"to_column": must("Its column."),
				"orphans":   truth("Whether it may refer to rows that are not there. Default: `false`; the run fails when it does."),
			}},
		},
		"subset": schema.SingleNestedAttribute{
			MarkdownDescription: "Takes only some rows of a table, and of the others those for which all that they refer to is taken. Left out, all rows are.",
			Optional:            true,
			Attributes: map[string]schema.Attribute{
				"table":   must("The table that is chosen from.", tableName()),
				"percent": number(false, "So many of a hundred of its rows, by a hash of the key. Default: all that `where` allows.", int64validator.Between(1, 100)),
				"where":   may("SQL condition on its columns."),
			},
		},
		"quasi_identifiers": schema.ListNestedAttribute{
			MarkdownDescription: "Columns of the result that together may single somebody out. How many rows share each combination is in the evidence.",
			Optional:            true,
			Validators:          []validator.List{listvalidator.SizeAtLeast(1)},
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"table":     must("The table.", tableName()),
				"columns":   names(true, "Its columns."),
				"k":         number(false, "Rows that each combination must have at least, else the run fails; `0`, the default: it is only reported.", int64validator.AtLeast(0)),
				"sensitive": may("Column of which each combination should have several values (l-diversity), which is reported."),
			}},
		},
		"words": names(false, "Further words that free text must not hold, such as the clinic's name."),
	}
}
