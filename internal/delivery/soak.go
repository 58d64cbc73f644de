package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"google.golang.org/api/monitoring/v3"
)

// Promises asks Cloud Monitoring how the promises of a project have fared.
type Promises struct {
	API     *monitoring.Service
	Project string
}

// Promise is a service level objective, and how fast its error budget was spent in a time: at 1, it lasts just for its period.
type Promise struct {
	Name     string
	Burn     float64
	Measured bool // there was something to measure
}

// Kept tells of each promise how fast its budget was spent in the time until now, and which alerts were open in it.
func (p Promises) Kept(ctx context.Context, now time.Time, during time.Duration) (kept []Promise, alerts []string, err error) {
	objectives, err := p.objectives(ctx)
	if err != nil {
		return nil, nil, err
	}
	if len(objectives) == 0 {
		return nil, nil, fmt.Errorf("project %s has no service level objective: nothing would tell that a release is bad. The module observability declares them", p.Project)
	}
	for _, objective := range objectives {
		burn, measured, err := p.burn(ctx, objective.Name, now, during)
		if err != nil {
			return nil, nil, err
		}
		kept = append(kept, Promise{Name: objective.DisplayName, Burn: burn, Measured: measured})
	}
	alerts, err = p.alerts(ctx, now.Add(-during))
	return kept, alerts, err
}

func (p Promises) objectives(ctx context.Context) (all []*monitoring.ServiceLevelObjective, err error) {
	var services []string
	err = p.API.Services.List("projects/"+p.Project).Pages(ctx, func(page *monitoring.ListServicesResponse) error {
		for _, service := range page.Services {
			services = append(services, service.Name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the monitored services of project %s: %w", p.Project, err)
	}
	for _, service := range services {
		err := p.API.Services.ServiceLevelObjectives.List(service).Pages(ctx, func(page *monitoring.ListServiceLevelObjectivesResponse) error {
			all = append(all, page.ServiceLevelObjectives...)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("list the service level objectives of %s: %w", service, err)
		}
	}
	return all, nil
}

// burn is the newest rate at which an objective's budget was spent, looked back over the whole time.
func (p Promises) burn(ctx context.Context, objective string, now time.Time, during time.Duration) (rate float64, measured bool, err error) {
	back := strconv.FormatInt(int64(during.Seconds()), 10) + "s"
	var newest string
	err = p.API.Projects.TimeSeries.List("projects/"+p.Project).
		Filter(fmt.Sprintf("select_slo_burn_rate(%q, %q)", objective, back)).
		IntervalStartTime(now.Add(-during).UTC().Format(time.RFC3339)).IntervalEndTime(now.UTC().Format(time.RFC3339)).
		Pages(ctx, func(page *monitoring.ListTimeSeriesResponse) error {
			for _, series := range page.TimeSeries {
				for _, point := range series.Points {
					if point.Interval != nil && point.Value != nil && point.Value.DoubleValue != nil && point.Interval.EndTime > newest {
						newest, rate, measured = point.Interval.EndTime, *point.Value.DoubleValue, true
					}
				}
			}
			return nil
		})
	if err != nil {
		return 0, false, fmt.Errorf("read the burn rate of %s: %w", objective, err)
	}
	return rate, measured, nil
}

// alerts are the policies of which an alert was open at any moment since.
func (p Promises) alerts(ctx context.Context, since time.Time) (policies []string, err error) {
	err = p.API.Projects.Alerts.List("projects/"+p.Project).Pages(ctx, func(page *monitoring.ListAlertsResponse) error {
		for _, alert := range page.Alerts {
			if alert.State != "OPEN" {
				closed, err := time.Parse(time.RFC3339, alert.CloseTime)
				if err != nil || closed.Before(since) {
					continue
				}
			}
			name := alert.Name
			if alert.Policy != nil && alert.Policy.DisplayName != "" {
				name = alert.Policy.DisplayName
			}
			policies = append(policies, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the alerts of project %s: %w", p.Project, err)
	}
	slices.Sort(policies)
	return slices.Compact(policies), nil
}

// Soaked holds what was measured against the fastest burn that is let pass.
func Soaked(kept []Promise, alerts []string, fastest float64) error {
	var all []error
	for _, promise := range kept {
		if promise.Measured && promise.Burn > fastest {
			all = append(all, fmt.Errorf("%s: its error budget was spent %.1f times as fast as it lasts, and %.1f times is the most", promise.Name, promise.Burn, fastest))
		}
	}
	if !slices.ContainsFunc(kept, func(p Promise) bool { return p.Measured }) {
		all = append(all, errors.New("nothing was measured of any service level objective: a release that nobody has used has not been tried out"))
	}
	for _, policy := range alerts {
		all = append(all, fmt.Errorf("the alert %q was open", policy))
	}
	return errors.Join(all...)
}
