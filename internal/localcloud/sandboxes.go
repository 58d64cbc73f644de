package localcloud

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/coda"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
)

// partner is what an environment's partners gave it: an application at DrChrono that somebody has
// authorised once, and a token of Coda's.
type partner struct {
	DrChrono  oauthApp `json:"drchrono"`
	CodaToken string   `json:"coda_token"`
}

// oauthApp is the document that the secret drchrono-oauth holds.
type oauthApp struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	RefreshToken string `json:"refresh_token"`
}

// partners are those of each project.
type partners map[string]partner

// practice is how large the clinic is, and from which seed. It is kept, so that a cloud which comes
// back without being told has the same patients.
type practice struct {
	Patients int    `json:"patients"`
	Seed     uint64 `json:"seed"`
}

// Sizes of the clinic.
const (
	DefaultPatients = 2000
	DefaultSeed     = 1
	minPatients     = 50 // of a staging practice
)

// sandboxes are the partners' APIs.
type sandboxes struct {
	partners partners
	clinics  []*clinic.Clinic
	drchrono *drchrono.Server
	coda     *coda.Server
}

// openSandboxes brings the partners back as they were under dir, or makes them.
func openSandboxes(dir string, want practice, log *slog.Logger) (*sandboxes, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := &sandboxes{partners: partners{}, clinics: make([]*clinic.Clinic, len(environments))}
	if err := s.openPartners(filepath.Join(dir, "partners.json")); err != nil {
		return nil, err
	}
	size := practice{Patients: DefaultPatients, Seed: DefaultSeed}
	path := filepath.Join(dir, "practice.json")
	if err := gapi.Load(path, &size); err != nil {
		return nil, err
	}
	if want.Patients > 0 {
		size.Patients = want.Patients
	}
	if want.Seed > 0 {
		size.Seed = want.Seed
	}
	if err := gapi.Save(path, size); err != nil {
		return nil, err
	}

	apps := make([]drchrono.App, len(environments))
	var g errgroup.Group
	for i, e := range environments {
		g.Go(func() (err error) {
			n := size.Patients
			if e.share > 1 {
				n = max(n/e.share, minPatients)
			}
			// Another seed for each: staging's patients are nobody of production.
			s.clinics[i], err = clinic.Open(filepath.Join(dir, e.clientID+".journal"), clinic.Size{Patients: n}, size.Seed+uint64(i)) //nolint:gosec // an index
			app := s.partners[e.project].DrChrono
			apps[i] = drchrono.App{ClientID: app.ClientID, ClientSecret: app.ClientSecret, RefreshToken: app.RefreshToken, Clinic: s.clinics[i]}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	var err error
	if s.drchrono, err = drchrono.New(drchrono.Options{Apps: apps, Log: log, StateFile: filepath.Join(dir, "tokens.json")}); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if err := s.openCoda(dir, log); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *sandboxes) openPartners(path string) error {
	if err := gapi.Load(path, &s.partners); err != nil {
		return err
	}
	for _, e := range environments {
		if _, ok := s.partners[e.project]; !ok {
			s.partners[e.project] = partner{
				DrChrono:  oauthApp{ClientID: e.clientID, ClientSecret: random(), RefreshToken: random()},
				CodaToken: random(),
			}
		}
	}
	return gapi.Save(path, s.partners)
}

// openCoda makes a document for each environment, which only that environment's token opens.
func (s *sandboxes) openCoda(dir string, log *slog.Logger) (err error) {
	var tokens []coda.Token
	for _, e := range environments {
		tokens = append(tokens, coda.Token{
			Token: s.partners[e.project].CodaToken, Owner: e.clientID + "@example.test", Doc: e.codaDoc,
		})
	}
	s.coda, err = coda.New(coda.Options{Tokens: tokens, Log: log, StateFile: filepath.Join(dir, "coda.json")})
	return err
}

// close ends what the sandboxes keep open; their servers have stopped before.
func (s *sandboxes) close() error {
	if s.drchrono != nil {
		s.drchrono.Close()
	}
	var errs []error
	for _, c := range s.clinics {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
