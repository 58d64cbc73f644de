package delivery

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// Image is an image that a configuration deploys.
type Image struct {
	Reference string // by digest
	Digest    string // the same wherever it was pushed to
}

// oneImage is the name of an image that is the only one.
const oneImage = "image"

var byDigest = regexp.MustCompile(`^[^@\s]+@(sha256:[0-9a-f]{64})$`)

// images are those that the configuration deploys, by name, as its output tells: one reference, or an object of them. They
// have to be known before the apply; that is what a digest is for.
func (p Plan) images(output string) (map[string]Image, error) {
	planned, told := p.PlannedValues.Outputs[output]
	if output == "" || !told {
		return nil, nil
	}
	references := map[string]*string{}
	var one *string
	if json.Unmarshal(planned.Value, &one) == nil && one != nil {
		references[oneImage] = one
	} else if json.Unmarshal(planned.Value, &references) != nil || len(references) == 0 {
		return nil, fmt.Errorf("the output %q must be an image by digest or an object of them, known at plan", output)
	}
	images := map[string]Image{}
	for name, reference := range references {
		if reference == nil {
			continue // an image that this environment does not deploy
		}
		found := byDigest.FindStringSubmatch(*reference)
		if found == nil {
			return nil, fmt.Errorf("image %q of the output %q is not named by digest, repository@sha256:…: a tag may be another image by the time it is applied", name, output)
		}
		images[name] = Image{found[0], found[1]}
	}
	return images, nil
}

// refuseOtherImages refuses a plan that brings anything but what was tried out.
func (r *Review) refuseOtherImages(rules Rules) {
	if rules.Promoted == nil {
		return
	}
	if len(r.Images) == 0 {
		r.refuse("nothing tells which images are deployed: give the root module an output %q of images by digest", rules.ImagesOutput)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Images)) {
		tried, known := rules.Promoted[name]
		switch {
		case !known:
			r.refuse("image `%s` is not among those that were tried out: deploy it to staging first", name)
		case tried != r.Images[name].Digest:
			r.refuse("image `%s` would be `%s`, and `%s` was tried out: build both from one commit and one lock file", name, r.Images[name].Digest, tried)
		}
	}
}
