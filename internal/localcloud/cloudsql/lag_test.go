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
