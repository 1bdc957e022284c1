package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/ledger/deposit/postgres/postgrestest"
)

// gate lets no row of a position into the database while it is closed there: an export stands still in the middle of a transaction.
const gate = `
create table gate (position bigint);
create function hold() returns trigger language plpgsql as $$
begin
  while exists (select from gate where gate.position = new.position) loop perform pg_sleep(0.02); end loop;
  return new;
end $$;
create trigger hold before insert on detour_ledger for each row execute function hold()`

// TestExportIntoPostgres exports a live replica's ledger into a real database with the binary, which is killed in the middle of every
// transaction: nothing of that one is kept, all of those before it is, and whoever runs it again ends with what the replica has, byte for
// byte.
func TestExportIntoPostgres(t *testing.T) {
	long(t)
	t.Parallel()
	db := postgrestest.Raise(t)
	s := raise(t, setup{proven: true})
	const commits = 150 // of this length they make more than two transactions
	s.grow(commits)
	r := s.addReplica(0)
	r.start()
	s.seesAll(r)
	args := []string{"--server", r.url, "--token-file", filepath.Join(s.dir, "token-carol"), "ledger", "export", "--into", db.URL()}
	if a := run(t, "", append(args, "--to", "1")...); a.code != 0 || !strings.Contains(a.err, "1 commits were added, up to position 1") {
		t.Fatalf("exit %d: %s", a.code, a.err)
	}
	db.Ask(gate)
	rows := func() int {
		n, err := strconv.Atoi(db.Ask("select count(*) from detour_ledger"))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	kept := 1
	for _, at := range []int{2, 40, 100, 140} {
		db.Ask(fmt.Sprint("insert into gate values (", at, ")"))
		s.killsExport(exec.Command(binary(t), args...), db)
		db.Ask("delete from gate")
		n := rows()
		if n < kept || n >= at {
			t.Errorf("killed at position %d, it holds %d commits; it held %d before", at, n, kept)
		}
		kept = n
	}
	if kept == 1 {
		t.Error("no transaction ended before a kill: none was in the middle of an export")
	}
	a := run(t, "", args...)
	if last := rows(); a.code != 0 || last < commits || !strings.Contains(a.err, fmt.Sprintf("%d commits were added, up to position %d", last-kept, last)) {
		t.Fatalf("exit %d with %d commits: %s", a.code, last, a.err)
	}
	s.isWhole(r, db.Ask("select line from detour_export where domain = '"+domain+"' order by position")+"\n")
}

// grow appends so many lawful commits, as long as they are rarely.
func (s *stage) grow(commits int) {
	s.t.Helper()
	reason := strings.Repeat("because ", 16<<10)
	c := s.record(events.Record{Body: events.Frozen{Scope: "site:site-1", By: events.Person{Name: "alice"}, Reason: reason}})
	ctx := s.within()
	for n := range commits {
		body := events.Body(events.Thawed{Scope: "site:site-1", By: events.Person{Name: "alice"}})
		if n%2 == 1 {
			body = events.Frozen{Scope: "site:site-1", By: events.Person{Name: "alice"}, Reason: reason}
		}
		next := events.Commit{ID: uuid.NewString(), Prev: c.Digest, At: time.Now().UTC(), By: "e2e/test", Records: []events.Record{{Body: body}}}
		var err error
		if c, err = s.ledger.Append(ctx, next, c.Position); err != nil {
			s.t.Fatal(err)
		}
	}
}

// killsExport runs an export until it stands before a closed gate, and kills it there.
func (s *stage) killsExport(export *exec.Cmd, db *postgrestest.Server) {
	s.t.Helper()
	export.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := export.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.wait("the export to be in the middle of a transaction", func() bool {
		return db.Ask("select count(*) from pg_stat_activity where wait_event = 'PgSleep'") != "0"
	})
	if err := export.Process.Kill(); err != nil {
		s.t.Error(err)
	}
	_ = export.Wait() // it was killed
}

// isWhole checks that an export is what the replica has, up to where it ends, and that the binary finds it in order.
func (s *stage) isWhole(r *replica, lines string) {
	s.t.Helper()
	last := strings.Count(lines, "\n")
	if a := r.detour("carol", "ledger", "export", "--to", fmt.Sprint(last)); a.code != 0 || a.out != lines {
		s.t.Errorf("exit %d: the replica has %d bytes, the export %d, and they are others: %s", a.code, len(a.out), len(lines), a.err)
	}
	file := filepath.Join(s.dir, "from-database.ndjson")
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if a := run(s.t, "", "ledger", "verify", "--file", file); a.code != 0 || !strings.Contains(a.out, fmt.Sprintf("chain: %d commits", last)) {
		s.t.Errorf("exit %d: %s%s", a.code, a.out, a.err)
	}
}
