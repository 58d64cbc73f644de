package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/feel-august/terraform-provider-august/internal/delivery"
)

func reviewCommand() *cobra.Command {
	var title, allow, promoted string
	var rules delivery.Rules
	cmd := &cobra.Command{
		Use:   "review plan.json",
		Short: "Tell what a plan does, without its values, and refuse what must not be applied",
		Long: "Review reads what `terraform show -json` prints of a saved plan, from a file or from - for standard input. It tells addresses, actions\n" +
			"and names of attributes. A plan that would destroy data, that breaks a check, or that brings another image than the one\n" +
			"that was tried out is refused.\n\n" +
			"Outputs: changes (true or false), images (JSON: name to digest), references (JSON: images by digest), review (Markdown).",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for address := range strings.Lines(allow) {
				if address = strings.TrimSpace(address); address != "" {
					rules.AllowDestroy = append(rules.AllowDestroy, address)
				}
			}
			if promoted != "" {
				rules.Promoted = map[string]string{}
				if err := json.Unmarshal([]byte(promoted), &rules.Promoted); err != nil {
					return fmt.Errorf("--promoted must be what a review gave as images, JSON of names and digests: %w", err)
				}
			}
			document, err := readPlan(cmd.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			plan, err := delivery.ParsePlan(document)
			if err != nil {
				return err
			}
			review, err := plan.Review(rules)
			if err != nil {
				return err
			}
			return tell(cmd.OutOrStdout(), title, review)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&title, "title", "Plan", "what the plan is for, such as the environment")
	flags.StringVar(&allow, "allow-destroy", "", "addresses of resources that hold data and may be destroyed all the same, one a line")
	flags.StringVar(&promoted, "promoted", "", "the images that were tried out, as another review gave them; the plan must bring these")
	flags.StringVar(&rules.ImagesOutput, "images-output", "images", "the root module's output that tells which images are deployed")
	flags.BoolVar(&rules.Settled, "settled", false, "refuse a plan that has anything left to do")
	return cmd
}

func readPlan(stdin io.Reader, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(name)
}

// tell writes the review to people and to later jobs, and fails when it refuses.
func tell(out io.Writer, title string, review delivery.Review) error {
	var page strings.Builder
	if err := review.Markdown(&page, title); err != nil {
		return err
	}
	if _, err := io.WriteString(out, page.String()); err != nil {
		return err
	}
	if err := summary(page.String()); err != nil {
		return err
	}
	digests, references := map[string]string{}, []string{}
	for name, image := range review.Images {
		digests[name] = image.Digest
		references = append(references, image.Reference)
	}
	slices.Sort(references)
	encoded, err := json.Marshal(digests)
	if err != nil {
		return err
	}
	list, err := json.Marshal(slices.Compact(references))
	if err != nil {
		return err
	}
	if err := outputs(
		output{"changes", strconv.FormatBool(len(review.Changes) > 0 || len(review.Outputs) > 0)},
		output{"images", string(encoded)},
		output{"references", string(list)},
		output{"review", page.String()},
	); err != nil {
		return err
	}
	if len(review.Refused) > 0 {
		return errors.New("the plan is refused:\n" + strings.Join(review.Refused, "\n"))
	}
	return nil
}
