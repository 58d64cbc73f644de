package cloudsql

import (
	"testing"
	"time"
)

// lag asks for a replica's lag; a negative one is none.
func (r *rig) lag(replica string) float64 {
	r.t.Helper()
	for _, s := range r.face.Series(r.t.Context(), project, metricReplicaLag, time.Time{}) {
		if s.Resource["database_id"] == project+":"+replica && s.Resource["region"] == "us-east1" {
			return s.Points[0].Number
		}
	}
	return -1
}

// The lag of a replica grows while it does not replay what has been written, and is gone when it has.
func TestReplicaLag(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.create(available())
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	if all := r.face.Series(t.Context(), project, metricReplicaLag, time.Time{}); len(all) != 0 {
		t.Fatalf("without replicas: %v", all)
	}
	r.exec(r.dial(conn), "CREATE TABLE commits (n int)")
	r.done(r.api.Instances.Insert(project, replica("dr")).Do())
	there := r.at(conn, "dr")
	r.exec(r.dial(conn), "INSERT INTO commits VALUES (1)")
	r.arrives("dr", there)
	r.eventually("no lag", func() bool { return r.lag("dr") == 0 })

	dr, err := r.instance("dr").cluster.Connect(t.Context(), "postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dr.Close(t.Context()) }()
	for name, c := range map[string]struct{ stop, start func() }{
		"replay paused": {
			func() { r.exec(dr, "SELECT pg_wal_replay_pause()") },
			func() { r.exec(dr, "SELECT pg_wal_replay_resume()") },
		},
		"replication stopped": {
			func() { r.done(r.api.Instances.StopReplica(project, "dr").Do()) },
			func() { r.done(r.api.Instances.StartReplica(project, "dr").Do()) },
		},
	} {
		c.stop()
		r.exec(r.dial(conn), "INSERT INTO commits VALUES (2)")
		var first float64
		r.eventually(name+": a lag", func() bool { first = r.lag("dr"); return first > 0 })
		r.eventually(name+": a lag that grows", func() bool { return r.lag("dr") > first })
		c.start()
		r.arrives("dr", there)
		r.eventually(name+": no lag any more", func() bool { return r.lag("dr") == 0 })
	}
}

// figures are the values of an instance's series under a metric, by database, the newest last.
func (r *rig) figures(metric, instance string) map[string][]float64 {
	r.t.Helper()
	r.face.Look(r.t.Context())
	all := map[string][]float64{}
	for _, s := range r.face.Series(r.t.Context(), project, metric, time.Time{}) {
		if s.Resource["database_id"] == project+":"+instance {
			for _, p := range s.Points {
				all[s.Labels["database"]] = append(all[s.Labels["database"]], p.Number)
			}
		}
	}
	return all
}

func last(values []float64) float64 {
	if len(values) == 0 {
		return -1
	}
	return values[len(values)-1]
}

// Connections are counted by database, and without one of the local cloud's own; processors and memory are the tier's.
func TestUsage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.create(small("platform"))
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	first, second := r.dial(conn), r.dial(conn)
	r.exec(first, "BEGIN")
	r.eventually("both connections are seen", func() bool { return last(r.figures(metricBackends, d.Name)["postgres"]) == 2 })
	if all := r.figures(metricBackends, d.Name); len(all) != 1 {
		t.Errorf("backends %v", all)
	}
	r.eventually("work is seen", func() bool {
		r.exec(second, "SELECT sum(sqrt(n)) FROM generate_series(1, 300000) n")
		return len(r.figures(metricCPU, d.Name)[""]) > 1 && last(r.figures(metricCPU, d.Name)[""]) > 0.02
	})
	for _, share := range r.figures(metricCPU, d.Name)[""] {
		if share < 0 || share > 1.5 {
			t.Errorf("CPU %v", share)
		}
	}
	little := last(r.figures(metricMemory, d.Name)[""])
	r.exec(second, "SET work_mem = '256MB'")
	r.exec(second, "BEGIN; DECLARE much NO SCROLL CURSOR FOR SELECT n, repeat('x', 200) FROM generate_series(1, 200000) n ORDER BY 2, 1; FETCH 1 FROM much")
	r.eventually("memory is seen", func() bool { return last(r.figures(metricMemory, d.Name)[""]) > little+0.003 })
	_ = first.Close(t.Context())
	_ = second.Close(t.Context())
	r.eventually("no connection is seen", func() bool { return last(r.figures(metricBackends, d.Name)["postgres"]) == 0 })
	if all := r.face.Series(t.Context(), "elsewhere", metricBackends, time.Time{}); len(all) != 0 {
		t.Errorf("another project has %v", all)
	}
}
