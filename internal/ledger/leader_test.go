package ledger

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/internal/bus"
)

// members is the cluster of a stream as the server says that answers.
func members(leader string, heard ...time.Duration) *jetstream.ClusterInfo {
	c := &jetstream.ClusterInfo{Leader: leader}
	for _, d := range heard {
		c.Replicas = append(c.Replicas, &jetstream.PeerInfo{Active: d})
	}
	return c
}

func TestLed(t *testing.T) {
	const soon, late, never = time.Second, 4 * time.Second, time.Duration(0)
	for _, c := range []struct {
		name string
		said *jetstream.ClusterInfo
		led  bool
	}{
		{"one server, which says nothing of a cluster", nil, true},
		{"one server", members("a"), true},
		{"one copy, and nobody leads", members(""), false},
		{"nobody leads", members("", soon, soon, soon), false},
		{"all follow", members("a", soon, soon), true},
		{"one is away", members("a", soon, late), true},
		{"one never came", members("a", never, soon), true},
		{"cut off", members("a", late, late), false},
		{"cut off from the start", members("a", never, never), false},
		{"one of two", members("a", late), false},
		{"both of two", members("a", soon), true},
		{"two of five", members("a", soon, late, late, late), false},
		{"three of five", members("a", soon, late, soon, late), true},
		{"at the bound", members("a", unheard, late), true},
	} {
		if err := led(c.said); (err == nil) != c.led {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// said is a stream as its servers say that it stands, one answer after the other, the last for ever.
type said struct {
	jetstream.Stream
	answers []answer
	asked   int
}

type answer struct {
	last    uint64
	cluster *jetstream.ClusterInfo
	err     error
}

func (s *said) Info(context.Context, ...jetstream.StreamInfoOpt) (*jetstream.StreamInfo, error) {
	a := s.answers[min(s.asked, len(s.answers)-1)]
	s.asked++
	return &jetstream.StreamInfo{State: jetstream.StreamState{LastSeq: a.last}, Cluster: a.cluster}, a.err
}

// after is n times one answer, then another.
func after(n int, a, then answer) []answer { return append(slices.Repeat([]answer{a}, n), then) }

// The answers of a stream of nine records: of its leader, of a server that lags while nobody leads, of a leader who was cut off, of
// a leader after records were lost, and of a server that does not know the stream.
var (
	whole   = answer{last: 9, cluster: members("a", time.Second, time.Second)}
	lagging = answer{last: 4, cluster: members("", time.Second, 0, 0)}
	cutOff  = answer{last: 4, cluster: members("b", 5*time.Second, 5*time.Second)}
	less    = answer{last: 4, cluster: members("c", time.Second, 5*time.Second)}
	unknown = answer{err: jetstream.ErrStreamNotFound}
)

func answering(answers []answer) *Ledger {
	return newLedger(nil, &said{answers: answers}, testConfig.withDefaults())
}

// TestLastPositionIsTheLeaders has servers answer that hold less than is stored, before the leader does.
func TestLastPositionIsTheLeaders(t *testing.T) {
	for _, first := range []answer{lagging, cutOff} {
		last, err := answering(after(3, first, whole)).LastPosition(within(t, patience))
		if err != nil || last != whole.last {
			t.Errorf("after answers of %d records: %d, %v", first.last, last, err)
		}
	}
}

// TestNotYetIsNotLost tells a stream that nobody can speak for now from one that has lost what was read of it.
func TestNotYetIsNotLost(t *testing.T) {
	const long = 10 * absentRounds
	for _, c := range []struct {
		name    string
		answers []answer
		rounds  int    // that it takes
		lost    uint64 // the first position that is missing, 0: none is
	}{
		{"whole", []answer{whole}, 1, 0},
		{"nobody leads for long, and who answers lags", after(long, lagging, whole), long + 1, 0},
		{"the leader was cut off", after(long, cutOff, whole), long + 1, 0},
		{"fewer, once", after(patienceRounds-1, less, whole), patienceRounds, 0},
		{"fewer", []answer{less}, patienceRounds, 5},
		{"a server that reads its disk", after(absentRounds-1, unknown, whole), absentRounds, 0},
		{"gone", []answer{unknown}, absentRounds, 1},
		{"gone, then fewer", after(absentRounds-1, unknown, less), absentRounds - 1 + patienceRounds, 5},
		{"fewer, then gone", after(patienceRounds-1, less, unknown), patienceRounds - 1 + absentRounds, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &reader{l: answering(c.answers), next: whole.last + 1}
			var final error
			trouble := errors.New("not asked")
			rounds := 0
			for ; final == nil && trouble != nil; rounds++ {
				final, trouble = r.ensureWhole(t.Context())
			}
			var broken *BrokenError
			switch {
			case c.lost == 0 && final != nil, c.lost > 0 && (!errors.As(final, &broken) || broken.Position != c.lost || broken.Problem != Missing):
				t.Errorf("it says %v, want position %d to be missing", final, c.lost)
			case rounds != c.rounds:
				t.Errorf("it takes %d rounds, want %d", rounds, c.rounds)
			}
		})
	}
}

// TestSilence finds out why nothing comes, as far as anybody can tell.
func TestSilence(t *testing.T) {
	for _, c := range []struct {
		name    string
		answer  answer
		trouble bool
	}{
		{"there is nothing new", whole, false},
		{"nobody leads, and who answers lags", lagging, false},
		{"nobody answers", answer{err: context.DeadlineExceeded}, false},
		{"acknowledged and not counted", less, true},
		{"gone", unknown, true},
	} {
		r := &reader{l: answering([]answer{c.answer}), next: whole.last + 1}
		if final, trouble := r.ensureQuiet(t.Context()); final != nil || (trouble != nil) != c.trouble {
			t.Errorf("%s: final %v, trouble %v", c.name, final, trouble)
		}
	}
}

// TestOneServerLeads asks the embedded server, which is no cluster.
func TestOneServerLeads(t *testing.T) {
	js, _ := serve(t, t.TempDir(), bus.Options{})
	l := mustOpen(t, js)
	fill(t, l, 2)
	if info, err := l.ledInfo(within(t, patience)); err != nil || info.State.LastSeq != 2 {
		t.Errorf("%+v, %v", info, err)
	}
}
