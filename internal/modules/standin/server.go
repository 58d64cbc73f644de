package standin

import (
	"context"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5/tf5server"
)

// Address is what the provider is known by to go-plugin.
const Address = "registry.terraform.io/hashicorp/google"

// Serve answers Terraform as a provider until it is told to stop.
func (r *Recording) Serve(options ...tf5server.ServeOpt) error {
	return tf5server.Serve(Address, func() tfprotov5.ProviderServer { return server{recording: r} }, options...)
}

// server knows the schemas. All that a mocked provider still asks the real one for is whether a configuration is valid.
type server struct {
	unmocked
	recording *Recording
}

func (s server) GetProviderSchema(context.Context, *tfprotov5.GetProviderSchemaRequest) (*tfprotov5.GetProviderSchemaResponse, error) {
	provider, err := decode(s.recording.Provider)
	if err != nil {
		return nil, err
	}
	resources, err := decodeAll(s.recording.Resources)
	if err != nil {
		return nil, err
	}
	data, err := decodeAll(s.recording.Data)
	if err != nil {
		return nil, err
	}
	ephemerals, err := decodeAll(s.recording.Ephemerals)
	if err != nil {
		return nil, err
	}
	return &tfprotov5.GetProviderSchemaResponse{
		// Terraform keeps them for as long as it runs.
		ServerCapabilities: &tfprotov5.ServerCapabilities{GetProviderSchemaOptional: true},
		Provider:           provider, ResourceSchemas: resources, DataSourceSchemas: data, EphemeralResourceSchemas: ephemerals,
	}, nil
}

func (server) PrepareProviderConfig(_ context.Context, req *tfprotov5.PrepareProviderConfigRequest) (*tfprotov5.PrepareProviderConfigResponse, error) {
	return &tfprotov5.PrepareProviderConfigResponse{PreparedConfig: req.Config}, nil
}

func (server) ValidateResourceTypeConfig(context.Context, *tfprotov5.ValidateResourceTypeConfigRequest) (*tfprotov5.ValidateResourceTypeConfigResponse, error) {
	return &tfprotov5.ValidateResourceTypeConfigResponse{}, nil
}

func (server) ValidateDataSourceConfig(context.Context, *tfprotov5.ValidateDataSourceConfigRequest) (*tfprotov5.ValidateDataSourceConfigResponse, error) {
	return &tfprotov5.ValidateDataSourceConfigResponse{}, nil
}

func (server) ValidateEphemeralResourceConfig(context.Context, *tfprotov5.ValidateEphemeralResourceConfigRequest) (*tfprotov5.ValidateEphemeralResourceConfigResponse, error) {
	return &tfprotov5.ValidateEphemeralResourceConfigResponse{}, nil
}

// UpgradeResourceState reads a state that this recording's schema has written: OpenTofu asks for that even where it mocks.
func (s server) UpgradeResourceState(_ context.Context, req *tfprotov5.UpgradeResourceStateRequest) (*tfprotov5.UpgradeResourceStateResponse, error) {
	resource, err := decode(s.recording.Resources[req.TypeName])
	if err != nil {
		return nil, err
	}
	state, err := req.RawState.Unmarshal(resource.ValueType())
	if err != nil {
		return nil, err
	}
	upgraded, err := tfprotov5.NewDynamicValue(resource.ValueType(), state)
	return &tfprotov5.UpgradeResourceStateResponse{UpgradedState: &upgraded}, err
}

func (server) StopProvider(context.Context, *tfprotov5.StopProviderRequest) (*tfprotov5.StopProviderResponse, error) {
	return &tfprotov5.StopProviderResponse{}, nil
}
