package provider

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudrun"
)

// kept is a private state.
type kept map[string][]byte

func (k kept) GetKey(_ context.Context, key string) ([]byte, diag.Diagnostics) { return k[key], nil }

func (k kept) SetKey(_ context.Context, key string, value []byte) diag.Diagnostics {
	k[key] = value
	return nil
}

// After an import that nobody saw the end of, staging may have the set of before or the new one: whichever is asked for next is imported,
// the one of before as well.
func TestStagingDataset_runsAfterWhatNobodySawTheEndOf(t *testing.T) {
	t.Parallel()
	var diags diag.Diagnostics
	m := stagingDatasetModel{importFacts: importFacts{Export: types.StringValue("20261126t080000z-1")}, stagingJobModel: stagingJobModel{
		Bucket: types.StringValue("gs://exports"), Triggers: types.MapNull(types.StringType),
		Database: objectOf(t.Context(), databasePlaceTypes, databasePlace{ConnectionName: types.StringValue("p:r:platform"), Name: types.StringValue("clinic")}, &diags),
	}}
	for problem, runs := range map[types.String]bool{types.StringNull(): false, types.StringValue(lastRun + "run was not waited for to its end."): true} {
		private, state := kept{}, m
		state.Problem = problem
		keepBasis(t.Context(), private, state.basisNow(t.Context(), &diags), &diags)
		if got := m.runs(t.Context(), &state, private, &diags); got != runs || diags.HasError() {
			t.Errorf("after %s it runs: %t, %v", problem, got, diags)
		}
	}
}

// Who says nothing of timeouts waits as long as the job may take, and what is said of one that was cut off claims no more than is known.
func TestStagingJob_patience(t *testing.T) {
	t.Parallel()
	for limit, want := range map[string]time.Duration{defaultJobTimeout: 75 * time.Minute, "24h": 24*time.Hour + 15*time.Minute} {
		if got := (stagingJobModel{Timeout: types.StringValue(limit)}).patience(); got != want {
			t.Errorf("%s: %s", limit, got)
		}
	}
	for want, cut := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"The time that `timeouts` allows": func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, 0) },
		"The run was interrupted": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		},
	} {
		ctx, cancel := cut(t.Context())
		defer cancel()
		var diags diag.Diagnostics
		problem := stagingJob{}.report(ctx, cloudrun.Job{}, "T", "Staging has what it had before.", errors.New("cut off"), &diags)
		if problem == "" || len(diags) != 1 || !strings.HasPrefix(diags[0].Detail(), want) || !strings.Contains(diags[0].Detail(), "Unless it had just done its work, staging has") {
			t.Errorf("%q, %v", problem, diags)
		}
	}
}

// Evidence that another key has signed is warned of, unless another key was asked for.
func TestStagingAnonymization_anotherSigner(t *testing.T) {
	t.Parallel()
	of := func(secret string, key types.String) stagingAnonymizationModel {
		return stagingAnonymizationModel{SigningKeySecret: types.StringValue(secret), exportFacts: exportFacts{PublicKey: key, Export: types.StringValue("e")}}
	}
	a, b := types.StringValue(pemOf(signer('a'))), types.StringValue(pemOf(signer('b')))
	for name, tt := range map[string]struct {
		before, after stagingAnonymizationModel
		warns         bool
	}{
		"another key":     {of("s", a), of("s", b), true},
		"the same":        {of("s", a), of("s", a), false},
		"another secret":  {of("s", a), of("s:2", b), false},
		"the first there": {of("s", types.StringNull()), of("s", a), false},
	} {
		var diags diag.Diagnostics
		if tt.after.comparesSigner(tt.before, &diags); diags.WarningsCount() > 0 != tt.warns || diags.HasError() {
			t.Errorf("%s: %v", name, diags)
		}
	}
}
