package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/chatops/slack/slacktest"
	"github.com/detour-net/detour/internal/histogram/promtest"
	"github.com/detour-net/detour/internal/ledger/checkpoint"
	"github.com/detour-net/detour/internal/notify/pagerduty/pagerdutytest"
	"github.com/detour-net/detour/internal/notify/teams/teamstest"
	"github.com/detour-net/detour/test/wire"
)

// longDeadline is so long that whoever takes over from a replica that died in mid-act is late.
const longDeadline = 18 * time.Second

// TestAlertsFireAmongReplicas brings several replicas into the troubles that TestAlertsFire leaves out: those that are among
// replicas, and those that last. They go on beside each other, and each is looked at when it shows.
func TestAlertsFireAmongReplicas(t *testing.T) {
	t.Parallel()
	if promtest.Path(t) == "" {
		return
	}
	workspace, pager := slacktest.New(t), pagerdutytest.New(t)
	workspace.Join(nil, "U0ALICE", "U0BOB", "U0CAROL")
	s := raise(t, setup{
		replicas: 2, proven: true, slack: workspace, rota: onCallRota, pager: pager, hook: teamstest.New(t), audit: true,
		rules: rules{InFlight: 3, Clocks: map[string]string{"set_deadline": longDeadline.String()}},
	})
	const rota, shipped = `detour_on_call_age_seconds{source="rota 1"}`, `detour_checkpoint_behind_seconds{target="file"}`
	healthy := map[*replica]promtest.Samples{}
	for _, r := range s.replicas {
		s.wait(r.name+" to be well", func() bool {
			now := r.scrape()
			healthy[r] = now
			behind, ships := now[shipped]
			return ships && behind == 0 && now[rota] < 10 && now[`detour_chat_connected{chat="slack"}`] == 1 && now[`detour_routers{state="down"}`] == 0
		})
	}

	survivor := s.losesOwner(linkPlain)
	w := &trouble{stage: s, r: survivor, well: healthy[survivor], beside: map[string]*replica{}}
	w.well[taking] = w.shows(taking, above(0))[taking] // before, it may have been the other
	w.scenes = append(w.scenes, scene{promtest.Scene{Well: w.well, Now: w.well}, nil})
	s.write("rota.yaml", "zone: nowhere\n")
	s.blocksNotes()

	dublin, _ := s.routersOf(linkUnfenced)
	dublin.OnSet(backbone.First(1, backbone.Do), backbone.LoseReply())
	s.sicken(linkUnfenced)
	w.fire(`detour_sets_total{outcome="unknown"}`, above(0), "DetourSetsUnknown")

	const age = "detour_router_told_age_seconds"
	silent := s.net.Router(gva)
	silent.SetHanging(true)
	silent.CutConnections()
	w.fire(age, above(3), "DetourRoutersSilent")
	silent.SetHanging(false)
	silent.CutConnections()
	w.over(age, func(v float64) bool { return v < 3 })

	pager.Trouble(slices.Repeat([]pagerdutytest.Trouble{{Status: 503}}, 200)...)
	w.ordered("freeze", "--reason", "exercise")
	w.fire(`detour_notifications_waiting{channel="pagerduty"}`, above(0), "DetourNotificationsWait")
	pager.Mend()
	w.ordered("thaw")
	w.over("detour_freezes", zero)

	w.slowLedger()
	w.fire(rota, above(6), "DetourOnCallUnknown")
	w.fire(shipped, above(1), "DetourCheckpointsBehind")
	w.fire("detour_take_over_seconds_count", above(0), "DetourSlowTakeOver")
	w.third()
	w.judge()
}

// losesOwner kills whichever replica drains a link, while its Set is on its way, and returns the other of two.
func (s *stage) losesOwner(link string) (survivor *replica) {
	s.t.Helper()
	router, _ := s.routersOf(link)
	set := router.OnSet(backbone.First(1, backbone.Do), backbone.Hang())
	s.sicken(link)
	s.wait("a Set to be on its way", func() bool { return set.Hits() == 1 })
	owner := s.owner(s.latest(link).Intent.Owner)
	owner.kill()
	for _, r := range s.replicas {
		if r != owner {
			survivor = r
		}
	}
	return survivor
}

// blocksNotes puts a pipe that nobody reads in the place of the file to which checkpoints are shipped.
func (s *stage) blocksNotes() {
	s.t.Helper()
	notes := filepath.Join(s.dir, "notes")
	if err := os.Remove(notes); err != nil {
		s.t.Fatal(err)
	}
	if err := syscall.Mkfifo(notes, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// slowLedger has the answer to an append come late.
func (w *trouble) slowLedger() {
	w.t.Helper()
	const appends = "detour_ledger_append_seconds_count"
	person := w.r.as("alice")
	w.over(appends, above(0))
	w.r.wire.Set(wire.Deafened)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, _ = person.Freeze(w.within(), "network", "exercise") // the answer may be late, too
	}()
	w.wait("an append to be given up for now", func() bool { return w.r.scrape()["detour_ledger_writable"] == 0 })
	w.r.wire.Set(wire.Whole)
	<-answered
	w.shows("detour_freezes", above(0))
	w.fire(appends, above(w.well[appends]), "DetourSlowLedger")
	w.ordered("thaw")
	w.over("detour_freezes", zero)
}

// contradicts puts a file in the place of the one to which checkpoints are shipped that holds a true note of another ledger.
func (s *stage) contradicts() {
	s.t.Helper()
	notes := filepath.Join(s.dir, "notes")
	key, err := os.ReadFile(filepath.Join(s.dir, "audit.key"))
	if err != nil {
		s.t.Fatal(err)
	}
	signer, err := checkpoint.NewSigner(domain, strings.TrimSpace(string(key)), "", 0)
	if err != nil {
		s.t.Fatal(err)
	}
	const longer = 100_000 // than this ledger will ever be, and so newer than whatever is shipped to that file meanwhile
	never := events.Commit{Position: longer, At: time.Now(), Digest: events.DigestBytes([]byte("what never stood there"))}
	var edge checkpoint.Edge
	for range longer {
		edge.Append(checkpoint.Leaf(events.LedgerSubject(domain, ""), never.Digest))
	}
	text, err := signer.Sign(checkpoint.At(domain, &edge, never))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := errors.Join(os.Remove(notes), os.WriteFile(notes, text, 0o600)); err != nil {
		s.t.Fatal(err)
	}
}

// third brings up a replica of another mode, to which the ledger is not the one that it has known, beside the one that is looked at, cuts it off while the ledger grows, and has it begin
// anew on a line that carries a part of that.
func (w *trouble) third() {
	w.t.Helper()
	const instance, commits = "another", 1200
	w.rules.Mode = "dry-run"
	r := w.addReplica(2)
	w.contradicts()
	r.start()
	w.beside[instance] = r
	w.fire(fmt.Sprintf("detour_ledger_contradicted{instance=%q}", instance), above(0), "DetourLedgerContradicted")
	w.fire(`detour_mode{instance="`+instance+`",mode="dry-run"}`, above(0), "DetourModesDiffer")

	r.wire.Set(wire.Cut)
	last := w.last()
	for range commits {
		w.record(w.proofs()[0])
	}
	w.fire("detour_ledger_position", above(float64(last+commits-1)), "DetourReplicaBehind")

	r.kill()
	r.wire.Set(wire.Whole)
	r.wire.Choke(200 << 10) // far more than is said before the ledger is read, and far less than that is
	r.start()
	w.fire(fmt.Sprintf("detour_caught_up{instance=%q}", instance), zero, "DetourCatchingUp")
}
