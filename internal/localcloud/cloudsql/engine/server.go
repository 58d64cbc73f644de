package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	pollEvery    = 15 * time.Millisecond // how often a state that PostgreSQL shows in a file is read
	stopPatience = 15 * time.Second      // a fast shutdown that takes longer becomes an immediate one
	maxLog       = 16 << 20              // a log longer than this starts anew at the next start
)

// server is one data directory and, while it runs, its postmaster.
type server struct {
	bin     Binaries
	data    string // data directory
	sockets string // folder of the Unix socket
	host    string // loopback address that it listens on
	port    int
	log     string // file

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when the postmaster is gone
}

// start runs the postmaster and waits until it takes connections.
func (s *server) start(ctx context.Context) error {
	if s.running() {
		return nil
	}
	if err := s.reclaim(ctx); err != nil {
		return err
	}
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if info, err := os.Stat(s.log); err == nil && info.Size() > maxLog {
		flags |= os.O_TRUNC
	}
	log, err := os.OpenFile(s.log, flags, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the child holds its own
	from, err := log.Seek(0, 2)
	if err != nil {
		return err
	}

	// The process outlives ctx, which bounds the start only.
	cmd := s.bin.command(context.WithoutCancel(ctx), "postgres", "-D", s.data)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its end is what counts; the log says why
		close(done)
	}()
	s.mu.Lock()
	s.cmd, s.done = cmd, done
	s.mu.Unlock()

	for !s.ready() {
		select {
		case <-done:
			return fmt.Errorf("PostgreSQL did not start: %s", s.lastFatal(from))
		case <-ctx.Done():
			_ = s.stop(context.WithoutCancel(ctx), syscall.SIGQUIT)
			return fmt.Errorf("PostgreSQL did not become ready: %w", ctx.Err())
		case <-time.After(pollEvery):
		}
	}
	return nil
}

// ready reads the status line that the postmaster keeps in its lock file.
func (s *server) ready() bool {
	lines := s.lockFile()
	if len(lines) < 8 {
		return false
	}
	status := strings.TrimSpace(lines[7])
	s.mu.Lock()
	own := s.cmd != nil && strings.TrimSpace(lines[0]) == strconv.Itoa(s.cmd.Process.Pid)
	s.mu.Unlock()
	return own && (status == "ready" || status == "standby")
}

func (s *server) lockFile() []string {
	body, err := os.ReadFile(filepath.Join(s.data, "postmaster.pid"))
	if err != nil {
		return nil
	}
	return strings.Split(string(body), "\n")
}

// lastFatal finds what PostgreSQL complained about since the log had the given length. Only FATAL and
// PANIC lines: others may quote statements.
func (s *server) lastFatal(from int64) string {
	body, err := os.ReadFile(s.log)
	if err != nil || from > int64(len(body)) {
		return "see " + s.log
	}
	lines := strings.Split(string(body[from:]), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		for _, level := range []string{"FATAL:", "PANIC:"} {
			if _, text, ok := strings.Cut(lines[i], level); ok {
				return strings.TrimSpace(text)
			}
		}
	}
	return "see " + s.log
}

// running tells whether the postmaster that this process started is alive.
func (s *server) running() bool {
	s.mu.Lock()
	done := s.done
	s.mu.Unlock()
	if done == nil {
		return false
	}
	select {
	case <-done:
		return false
	default:
		return true
	}
}

// stop ends the postmaster: SIGINT is a fast shutdown, SIGQUIT an immediate one. One that does not
// obey is asked more firmly.
func (s *server) stop(ctx context.Context, how syscall.Signal) error {
	s.mu.Lock()
	cmd, done := s.cmd, s.done
	s.mu.Unlock()
	if cmd == nil {
		return nil
	}
	for _, sig := range []syscall.Signal{how, syscall.SIGQUIT, syscall.SIGKILL} {
		_ = cmd.Process.Signal(sig) // gone already: done is closed
		patience := time.NewTimer(stopPatience)
		select {
		case <-done:
			patience.Stop()
			return nil
		case <-ctx.Done():
			patience.Stop() // no time left for politeness
		case <-patience.C:
		}
	}
	<-done // SIGKILL is not refused
	return nil
}

// kill ends the postmaster and all its backends at once, as the loss of a machine would.
func (s *server) kill() {
	s.mu.Lock()
	cmd, done := s.cmd, s.done
	s.mu.Unlock()
	if cmd == nil {
		return
	}
	children := childrenOf(cmd.Process.Pid)
	_ = cmd.Process.Kill() // gone already: so much the better
	for _, pid := range children {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-done
	s.sweep()
}

// sweep ends the backends that a killed postmaster left behind: they notice its death only when they
// next look up from their work, and until then they write into the data directory.
func (s *server) sweep() {
	for deadline := time.Now().Add(stopPatience); time.Now().Before(deadline); time.Sleep(pollEvery) {
		left := s.orphans()
		if len(left) == 0 {
			return
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL) // gone already: so much the better
		}
	}
}

// orphans lists the processes that work in the data directory, where the kernel tells. Each start asks, and there may be many processes.
func (s *server) orphans() []int {
	data, err := filepath.EvalSymlinks(s.data)
	if err != nil {
		return nil // nobody works in a directory that is not there
	}
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer func() { _ = proc.Close() }() // only read
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil
	}
	var pids []int
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue // no process
		}
		if cwd, err := os.Readlink(filepath.Join("/proc", name, "cwd")); err == nil && cwd == data { // else a zombie, somebody else's, or gone
			pids = append(pids, pid)
		}
	}
	return pids
}

// childrenOf lists a process's children where the kernel tells; elsewhere backends notice the
// postmaster's death by themselves.
func childrenOf(pid int) []int {
	p := strconv.Itoa(pid)
	body, err := os.ReadFile(filepath.Join("/proc", p, "task", p, "children"))
	if err != nil {
		return nil
	}
	var pids []int
	for _, f := range strings.Fields(string(body)) {
		if n, err := strconv.Atoi(f); err == nil {
			pids = append(pids, n)
		}
	}
	return pids
}

// reclaim ends a postmaster that a killed supervisor left on this data directory.
func (s *server) reclaim(ctx context.Context) (err error) {
	defer func() {
		if err == nil && !s.running() {
			s.sweep()
			s.forget(ctx)
		}
	}()
	lines := s.lockFile()
	if len(lines) == 0 {
		return nil
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(lines[0])) // 0 when it is damaged
	if pid <= 0 || !s.owns(ctx, pid) {
		return nil // stale
	}
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		if err := syscall.Kill(pid, sig); errors.Is(err, syscall.ESRCH) {
			return nil
		}
		for deadline := time.Now().Add(stopPatience); time.Now().Before(deadline); {
			if !s.owns(ctx, pid) {
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(pollEvery):
			}
		}
	}
	return fmt.Errorf("process %d still holds %s", pid, s.data)
}

// forget removes the lock files of a postmaster that is gone. PostgreSQL does so itself, unless their process id is that of a zombie
// that nobody has waited for yet, or was given to a process of another cluster since.
func (s *server) forget(ctx context.Context) {
	for _, lock := range []string{filepath.Join(s.data, "postmaster.pid"), socketPath(s.sockets, s.port) + ".lock"} {
		body, err := os.ReadFile(lock)
		lines := strings.SplitN(string(body), "\n", 3)
		if err != nil || len(lines) < 3 || lines[1] != s.data {
			continue
		}
		if pid, err := strconv.Atoi(lines[0]); err == nil && !s.owns(ctx, pid) {
			_ = os.Remove(lock) // what is in the way still, the start tells
		}
	}
}

// owns tells whether pid is a postmaster on this data directory: process ids are used again, and a
// stranger must not be signalled.
func (s *server) owns(ctx context.Context, pid int) bool {
	if body, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline")); err == nil {
		return strings.Contains(string(body), "\x00"+s.data+"\x00")
	} else if _, err := os.Stat("/proc/self/cmdline"); err == nil {
		return false // there is a /proc, and no such process in it
	}
	out, err := exec.CommandContext(ctx, "ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(out), " -D "+s.data)
}

// connString is how the programs and the administrator reach the server; it holds no secret.
func (s *server) connString(database, application string) string {
	return adminString(s.sockets, s.port, application) + " connect_timeout=10 dbname=" + quoteValue(database)
}

func adminString(sockets string, port int, application string) string {
	return fmt.Sprintf("host=%s port=%d user=%s application_name=%s sslmode=disable", quoteValue(sockets), port, Admin, application)
}

// socketPath is where PostgreSQL puts the socket of a port.
func socketPath(sockets string, port int) string {
	return filepath.Join(sockets, ".s.PGSQL."+strconv.Itoa(port))
}

// connect opens an administrator's session.
func (s *server) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(s.connString(database, "cloudsqladmin"))
	if err != nil {
		return nil, err
	}
	cfg.Fallbacks = nil
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	return conn, nil
}

// query runs one statement in the maintenance database and scans its only row, if there are targets.
func (s *server) query(ctx context.Context, targets []any, sql string, args ...any) error {
	conn, err := s.connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if targets == nil {
		_, err = conn.Exec(ctx, sql, args...)
		return err
	}
	return conn.QueryRow(ctx, sql, args...).Scan(targets...)
}

// quoteValue quotes a value of a connection string or of postgresql.conf's own strings.
func quoteValue(v string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'"
}
