package modules

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// moduleFiles are in every module.
var moduleFiles = []string{"README.md", "main.tf", "outputs.tf", "tests/apply.tftest.hcl", "tests/plan.tftest.hcl", "variables.tf", "versions.tf"}

// moduleFaults says what of a module's layout is not the house's.
func moduleFaults(dir string) []string {
	var faults []string
	for _, name := range moduleFiles {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			faults = append(faults, name+" is missing")
		}
	}
	if readme, err := os.ReadFile(filepath.Join(dir, "README.md")); err == nil {
		faults = append(faults, readmeFaults(string(readme))...)
	}
	sources, err := parse(dir)
	if err != nil {
		return append(faults, err.Error())
	}
	for _, s := range sources {
		for _, b := range s.blocks {
			switch home := homes[b.Type]; {
			case b.Type == "provider":
				faults = append(faults, at(s.file, b)+"a module configures no provider: its caller does")
			case home != "" && s.file != home && !strings.HasPrefix(s.file, strings.TrimSuffix(home, ".tf")+"-"):
				faults = append(faults, at(s.file, b)+b.Type+" belongs into "+home)
			}
		}
		for _, kind := range []string{"variable", "output"} {
			names := func(a, b *hclsyntax.Block) int { return cmp.Compare(a.Labels[0], b.Labels[0]) }
			if !slices.IsSortedFunc(of(kind, s.blocks), names) {
				faults = append(faults, s.file+": "+kind+"s are in alphabetical order")
			}
		}
		for _, b := range of("data", s.blocks) {
			if strings.HasPrefix(b.Labels[0], "google_") && !pure[b.Labels[0]] && !asksOfItsOwn(b) {
				faults = append(faults, at(s.file, b)+"a module asks Google for nothing: take it as a variable")
			}
		}
		for _, b := range of("variable", s.blocks) {
			faults = append(faults, variableFaults(s.file, b)...)
		}
	}
	faults = append(faults, versionFaults(sources)...)
	return append(faults, commonFaults(sources)...)
}

// exampleFaults says the same of a configuration that is applied as it is.
func exampleFaults(dir string) []string {
	sources, err := parse(dir)
	if err != nil {
		return []string{err.Error()}
	}
	return commonFaults(sources)
}

// homes are the files for blocks of a type; variables-network.tf is one of variables.tf, too.
var homes = map[string]string{"variable": "variables.tf", "output": "outputs.tf", "terraform": "versions.tf"}

// asksOfItsOwn says whether a data source asks for what the module makes itself, such as the public half of its key: the plan that
// makes it puts the question off, and so asks nothing.
func asksOfItsOwn(b *hclsyntax.Block) bool {
	for _, a := range b.Body.Attributes {
		for _, reference := range a.Expr.Variables() {
			if strings.HasPrefix(reference.RootName(), "google_") {
				return true
			}
		}
	}
	return false
}

// pure are data sources that compute.
var pure = map[string]bool{"google_iam_policy": true}

func readmeFaults(text string) []string {
	var faults []string
	if !strings.HasPrefix(text, "# ") {
		faults = append(faults, "README.md has no title")
	}
	if !fence.MatchString(text) {
		faults = append(faults, "README.md has no example in a ```hcl fence")
	}
	begin, end := strings.Index(text, "<!-- BEGIN_TF_DOCS -->"), strings.Index(text, "<!-- END_TF_DOCS -->")
	if begin < 0 || end < begin {
		faults = append(faults, "README.md has no <!-- BEGIN_TF_DOCS --> and <!-- END_TF_DOCS --> for `make generate`")
	}
	return faults
}

// variableFaults wants a variable that says what it is, and is never null by accident.
func variableFaults(file string, b *hclsyntax.Block) []string {
	var faults []string
	name := b.Labels[0]
	if _, ok := b.Body.Attributes["type"]; !ok {
		faults = append(faults, at(file, b)+name+" has no type")
	}
	byDefault := literal(b.Body, "default")
	mayBeNull := byDefault != cty.NilVal && byDefault.IsNull()
	if _, said := b.Body.Attributes["nullable"]; !said && !mayBeNull {
		faults = append(faults, at(file, b)+name+" wants nullable = false, null as its default, or nullable = true where null means something")
	}
	for _, v := range of("validation", b.Body.Blocks) {
		if _, ok := v.Body.Attributes["error_message"]; !ok {
			faults = append(faults, at(file, v)+name+" is refused without saying what to do")
		}
	}
	return faults
}

// googleVersion is what modules accept: before 7.17 no policy of a load balancer asks for TLS 1.3.
var googleVersion = regexp.MustCompile(`^>= 7\.(1[7-9]|[2-9]\d)(\.\d+)?, < 8\.0$`)

func versionFaults(sources []source) []string {
	var faults []string
	var version string
	for _, s := range sources {
		for _, b := range of("terraform", s.blocks) {
			version += text(b.Body, "required_version")
		}
	}
	if version != ">= 1.11" {
		faults = append(faults, fmt.Sprintf("required_version is %q, and has to be \">= 1.11\"", version))
	}
	if google, ok := required(sources)["google"]; ok && !googleVersion.MatchString(google.version) {
		faults = append(faults, fmt.Sprintf("the version of hashicorp/google is %q, and has to be \">= 7.17, < 8.0\" or of a higher floor", google.version))
	}
	return faults
}

// providers are what may be required, by name.
var providers = map[string]string{"google": "hashicorp/google", "august": "registry.terraform.io/feel-august/august"}

// refused are resources and data sources by which a configuration would run programs, keep secrets in its state, join networks, or take away what
// others have granted.
var refused = []struct {
	name *regexp.Regexp
	why  string
}{
	{regexp.MustCompile(`^(null_resource|terraform_data|external|http)$`), "runs or asks something besides the providers"},
	{regexp.MustCompile(`^google_.*_iam_(binding|policy)$`), "takes roles away that others have granted: use the _iam_member"},
	{regexp.MustCompile(`^google_compute_network_peering$`), "joins whole networks, patients' data and other: reach a database by modules/peering"},
	{regexp.MustCompile(`^google_service_account_key$`), "is a key that lasts and is kept in the state: use workload identity"},
	{regexp.MustCompile(`^google_secret_manager_secret_version$`), "keeps the secret's value in the state: use august_secret, or refer to it"},
}

// commonFaults says what no configuration of this repository may have.
func commonFaults(sources []source) []string {
	var faults []string
	for name, requirement := range required(sources) {
		if providers[name] == "" || providers[name] != requirement.source {
			faults = append(faults, fmt.Sprintf("provider %s of %q is none of google of hashicorp/google, and august of registry.terraform.io/feel-august/august", name, requirement.source))
		}
	}
	for _, s := range sources {
		for _, b := range s.blocks {
			switch b.Type {
			case "variable", "output":
				if d := text(b.Body, "description"); !strings.HasSuffix(d, ".") {
					faults = append(faults, fmt.Sprintf("%s%s %s has no description that ends with a period", at(s.file, b), b.Type, b.Labels[0]))
				}
			case "resource", "data", "ephemeral":
				faults = append(faults, resourceFaults(s.file, b)...)
			}
		}
	}
	return faults
}

// named are resources that another names by its own arguments, and that Google does not delete while it does. Terraform lets the other
// change first only when they are made before they are destroyed.
var named = regexp.MustCompile(`^google_(compute_(address|backend_service|region_instance_group_manager|region_network_endpoint_group)|monitoring_notification_channel)$`)

// removedTooEarly is whether one of several could go while it is still named.
func removedTooEarly(b *hclsyntax.Block) bool {
	_, several := b.Body.Attributes["for_each"]
	if b.Type != "resource" || !several || !named.MatchString(b.Labels[0]) {
		return false
	}
	for _, l := range of("lifecycle", b.Body.Blocks) {
		if first := literal(l.Body, "create_before_destroy"); first != cty.NilVal && first.True() {
			return false
		}
	}
	return true
}

func resourceFaults(file string, b *hclsyntax.Block) []string {
	var faults []string
	for _, r := range refused {
		if r.name.MatchString(b.Labels[0]) && (b.Type != "data" || !pure[b.Labels[0]]) {
			faults = append(faults, at(file, b)+b.Labels[0]+" "+r.why)
		}
	}
	for _, kind := range []string{"provisioner", "connection"} {
		for _, p := range of(kind, b.Body.Blocks) {
			faults = append(faults, at(file, p)+"a "+kind+" is what no plan shows")
		}
	}
	if removedTooEarly(b) {
		faults = append(faults, at(file, b)+b.Labels[0]+" wants create_before_destroy: when one goes, what names it has to change first, or Google refuses")
	}
	if role := text(b.Body, "role"); slices.Contains([]string{"roles/owner", "roles/editor", "roles/viewer"}, role) {
		faults = append(faults, at(file, b)+role+" is a basic role: name the roles that are needed")
	}
	return faults
}
