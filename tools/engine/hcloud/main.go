// The Pulumi provider of Hetzner Cloud: the published Terraform provider behind Pulumi's bridge, under the names that
// the npm package @pulumi/hcloud uses.
package main

import (
	"context"
	"fmt"
	"os"

	hcloud "github.com/hetznercloud/terraform-provider-hcloud/hcloud"
	pf "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	sdkv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/x/muxer"
	"github.com/pulumi/pulumi-terraform-bridge/v3/unstable/metadata"
)

// Set by the linker: the version of the npm package.
var version = "0.0.0"

func main() {
	if err := serve(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(ctx context.Context) error {
	provider := pf.MuxShimWithPF(ctx, sdkv2.NewProvider(hcloud.Provider()), hcloud.NewPluginProvider())
	info := tfbridge.ProviderInfo{
		P:              provider,
		Name:           "hcloud",
		ResourcePrefix: "hcloud",
		Version:        version,
		MetadataInfo:   tfbridge.NewProviderMetadata([]byte("{}")),
		Resources:      map[string]*tfbridge.ResourceInfo{},
	}
	// An id that is a number in Terraform is text in Pulumi, as every id there.
	for name, resource := range info.P.ResourcesMap().Range {
		if id, ok := resource.Schema().GetOk("id"); ok && id.Type() == shim.TypeInt {
			info.Resources[name] = &tfbridge.ResourceInfo{
				Fields: map[string]*tfbridge.SchemaInfo{"id": {Type: "string"}},
			}
		}
	}
	info.MustComputeTokens(tokens.SingleModule("hcloud_", "index", tokens.MakeStandard("hcloud")))
	info.SetAutonaming(255, "-")
	// The code generator of a published provider writes this table into a file; here it is made at each start.
	resolver, ok := info.P.(interface {
		ResolveDispatch(*tfbridge.ProviderInfo) (muxer.DispatchTable, error)
	})
	if !ok {
		return fmt.Errorf("the bridge does not resolve its dispatch table")
	}
	table, err := resolver.ResolveDispatch(&info)
	if err != nil {
		return err
	}
	if err := metadata.Set(info.GetMetadata(), "mux", table); err != nil {
		return err
	}
	schema := fmt.Sprintf(`{"name":"hcloud","version":%q}`, version)
	pf.MainWithMuxer(ctx, "hcloud", info, []byte(schema))
	return nil
}
