package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/ledger/deposit"
	"github.com/detour-net/detour/internal/ledger/deposit/deposittest"
	"github.com/detour-net/detour/internal/ledger/deposit/postgres"
	"github.com/detour-net/detour/internal/ledger/deposit/postgres/postgrestest"
)

const commits = 2000

// A copy that is killed is this binary again, which copies from a file to a database.
func TestMain(m *testing.M) {
	if file, url := os.Getenv("DETOUR_TEST_FROM"), os.Getenv("DETOUR_TEST_INTO"); file != "" {
		whole, err := os.ReadFile(file)
		if err == nil {
			_, err = into(context.Background(), url, "test", trickle(whole))
		}
		fmt.Println("ended:", err)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// source has all of an export.
func source(whole []byte) deposit.Source {
	return func(_ context.Context, from uint64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(deposittest.Behind(whole, from))), nil
	}
}

// trickle is a source that ends after some commits, as if it was cut off: so there are many transactions.
func trickle(whole []byte) deposit.Source {
	return func(_ context.Context, from uint64) (io.ReadCloser, error) {
		rest := deposittest.Behind(whole, from)
		part := rest
		for range 100 {
			part = part[bytes.IndexByte(part, '\n')+1:]
		}
		if len(part) == 0 {
			return io.NopCloser(bytes.NewReader(rest)), nil
		}
		return io.NopCloser(io.MultiReader(bytes.NewReader(rest[:len(rest)-len(part)]), cut{})), nil
	}
}

type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func into(ctx context.Context, url, domain string, from deposit.Source) (int, error) {
	db, err := postgres.New(url, domain)
	if err != nil {
		return 0, err
	}
	defer db.Close(ctx)
	return deposit.Copy(ctx, from, db)
}

// holds checks that the table has exactly the export, and that it verifies.
func (s *server) holds(whole []byte, domain string) {
	s.t.Helper()
	lines := s.Ask("select line from detour_export where domain = '"+domain+"' order by position") + "\n"
	if lines != string(whole) {
		s.t.Fatalf("the table has %d lines of %d, and they are others", strings.Count(lines, "\n"), bytes.Count(whole, []byte("\n")))
	}
	report, err := ledger.ReadExport(strings.NewReader(lines), nil)
	if err != nil || !report.Intact() {
		s.t.Errorf("%v: %v", err, report.Findings)
	}
}

// server is a real one, as these tests ask it.
type server struct {
	*postgrestest.Server
	t *testing.T
}

// TestPostgres runs everything on one real server, each with a database of its own.
func TestPostgres(t *testing.T) {
	s := postgrestest.Raise(t)
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s *server)
	}{{"copied", copied}, {"killed", killed}, {"restarted", restarted}, {"together", together}} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && (c.name == "killed" || c.name == "restarted") {
				t.Skip("left out by -short: it is about processes that end")
			}
			c.run(t, &server{s.Fresh(t, c.name), t})
		})
	}
}

// copied copies two ledgers, each in two parts, and asks what a person would.
func copied(t *testing.T, s *server) {
	all := map[string][]byte{"test": deposittest.Export(t, "test", 1000), "west": deposittest.Export(t, "west", 30)}
	for domain, whole := range all {
		half := whole[:len(whole)/2]
		half = half[:bytes.LastIndexByte(half, '\n')+1]
		first, err := into(t.Context(), s.URL(), domain, source(half))
		if err != nil {
			t.Fatal(err)
		}
		second, err := into(t.Context(), s.URL(), domain, source(whole))
		if n := bytes.Count(whole, []byte("\n")); err != nil || first == 0 || second == 0 || first+second != n {
			t.Errorf("%d and %d commits of %d, %v", first, second, n, err)
		}
		if third, err := into(t.Context(), s.URL(), domain, source(whole)); third != 0 || err != nil {
			t.Errorf("once more: %d, %v", third, err)
		}
		s.holds(whole, domain)
	}
	if got := s.Ask("select count(*), min(position), max(position) from detour_records where domain = 'test' and kind = 'relapsed' and incident = 'den-kcy-1'"); got != "1000|1|1000" {
		t.Errorf("records: %s", got)
	}
	if got := s.Ask("select by, at at time zone 'UTC', n, body ->> 'scope' from detour_ledger join detour_records using (domain, position) where domain = 'west' and position = 7 and n = 2"); got != "r0/1|2026-11-20 12:00:06.123456|2|site:x" {
		t.Errorf("a record: %s", got)
	}
	if got := s.Ask("select length(body ->> 'why') - length(replace(body ->> 'why', U&'\\FFFD', '')) from detour_records where domain = 'west' and position = 2 and n = 1"); got != "1" {
		t.Errorf("a character that the database cannot hold: %s", got)
	}
	// Another ledger of the same domain is not taken.
	_, err := into(t.Context(), s.URL(), "west", source(bytes.ReplaceAll(deposittest.Export(t, "east", 40), []byte("ledger.east"), []byte("ledger.west"))))
	var broken *ledger.BrokenError
	if !errors.As(err, &broken) || broken.Position != 31 {
		t.Errorf("another ledger: %v", err)
	}
	s.holds(all["west"], "west")
	s.rights(all["test"])
}

// rights: who may read and insert needs no more.
func (s *server) rights(whole []byte) {
	s.t.Helper()
	s.Ask("create role auditor login; grant select, insert on detour_ledger, detour_records to auditor; delete from detour_records where position > 990; delete from detour_ledger where domain = 'test' and position > 990")
	url := strings.Replace(s.URL(), "detour@", "auditor@", 1)
	if n, err := into(s.t.Context(), url, "test", source(whole)); n != 10 || err != nil {
		s.t.Errorf("with few rights: %d, %v", n, err)
	}
	s.Ask("revoke insert on detour_ledger from auditor; delete from detour_records where position > 990; delete from detour_ledger where domain = 'test' and position > 990")
	if _, err := into(s.t.Context(), url, "test", source(whole)); err == nil || !strings.Contains(err.Error(), "permission denied") {
		s.t.Errorf("with too few: %v", err)
	}
}

// killed kills copies with SIGKILL, wherever they are.
func killed(t *testing.T, s *server) {
	whole := deposittest.Export(t, "test", commits)
	file := filepath.Join(t.TempDir(), "ledger.ndjson")
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	reached := 0
	for kills := 0; kills < 6; kills++ {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), "DETOUR_TEST_FROM="+file, "DETOUR_TEST_INTO="+s.URL(), "GORACE=atexit_sleep_ms=0")
		c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		s.until(func() bool { return s.rows() > reached })
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait() // it was killed
		reached = s.rows()
	}
	t.Logf("%d of %d commits were there after the last kill", reached, commits)
	if _, err := into(t.Context(), s.URL(), "test", source(whole)); err != nil {
		t.Fatal(err)
	}
	s.holds(whole, "test")
}

// rows counts the commits in the table, 0 when there is no table yet.
func (s *server) rows() int {
	s.t.Helper()
	if s.Ask("select to_regclass('detour_export') is not null") != "t" {
		return 0
	}
	n, err := strconv.Atoi(s.Ask("select count(*) from detour_ledger"))
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *server) until(ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); {
		if time.Now().After(deadline) {
			s.t.Fatal("it does not get on")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// restarted crashes the server in the middle of a copy, three times: the copy waits and goes on.
func restarted(t *testing.T, s *server) {
	whole := deposittest.Export(t, "test", commits)
	step := make(chan struct{}) // each lets one part of the copy begin
	all := sync.OnceFunc(func() { close(step) })
	defer all()
	parts := trickle(whole)
	ended := make(chan error, 1)
	go func() {
		_, err := into(t.Context(), s.URL(), "test", func(ctx context.Context, from uint64) (io.ReadCloser, error) {
			<-step
			return parts(ctx, from)
		})
		ended <- err
	}()
	for range 3 {
		for range 4 {
			step <- struct{}{}
		}
		s.Kill()
		s.Start()
	}
	all()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	s.holds(whole, "test")
}

// together: copies into one table at the same time do not disturb each other.
func together(t *testing.T, s *server) {
	whole := deposittest.Export(t, "test", 600)
	errs := make(chan error, 3)
	for range cap(errs) {
		go func() {
			_, err := into(t.Context(), s.URL(), "test", trickle(whole))
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	s.holds(whole, "test")
}

// TestNoSecretInArguments: a password is never taken from where everybody sees it.
func TestNoSecretInArguments(t *testing.T) {
	for _, url := range []string{"postgres://a:hidden@localhost/b", "postgres://a@localhost/b?password=hidden", "postgres://a:@localhost/b"} {
		if _, err := postgres.New(url, "test"); err == nil || !strings.Contains(err.Error(), "PGPASSWORD") || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if _, err := postgres.New("postgres://localhost:port/b", "test"); err == nil {
		t.Error("no port")
	}
	if _, err := postgres.New("postgres://localhost/b", ""); err == nil {
		t.Error("no domain: its commits would lie under a name that is nobody's")
	}
	for address, want := range map[string]bool{"postgres://x": true, "postgresql://x": true, "ledger.ndjson": false, "./postgres": false} {
		if postgres.Ours(address) != want {
			t.Errorf("%s: %t", address, !want)
		}
	}
}
