package incident

import (
	"fmt"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
)

// A trial of what a reboot does goes through four states, and each is recorded before the deed that it allows, so that
// whoever goes on after a crash knows what may be on the router:
//
//	begun    the mark may stand
//	marked   it stood on a router that had booted when the trial says
//	judged   what a reboot did to it is known, or never will be; it may stand yet
//	over     it does not
//
// Whoever is about to send a Set records until when it may leave. Nobody else goes on before that and a margin have passed,
// unless the record of what came of it is there: a Set that comes late would leave a mark that no record tells of.

// clockBehind is by how much a router's clock may be behind ours.
const clockBehind = 2 * time.Minute

// Trial returns the newest trial of a router, which says itself whether it is over.
func (b *Board) Trial(device string) (t events.RebootTrial, ok bool) {
	t, ok = b.trials[device]
	return t, ok
}

// BeginTrial records that a canary is about to be marked.
func BeginTrial(device string, c events.Canary, mark events.Value, clocks policy.Clocks, by events.Person) Order {
	return func(b *Board, now time.Time) ([]events.Record, error) {
		if t, ok := b.Trial(device); ok && !t.Over {
			return nil, refuse("router %s is marked already, by %s at %s", device, t.By.Name, t.Begun.Format(time.RFC3339))
		}
		if c.Booted.IsZero() {
			return nil, refuse("router %s does not tell when it booted: nobody could see that it was rebooted", device)
		}
		t := events.RebootTrial{
			Device: device, Software: c.Software, Leaf: c.Leaf, Before: c.Value, Mark: mark, Begun: now.UTC(), Booted: c.Booted, By: by,
		}
		letSet(&t, clocks, now)
		return trialRecord(t), nil
	}
}

// ResumeTrial records that the mark of a trial that has begun is about to be set once more, since nobody has seen it stand.
func ResumeTrial(t events.RebootTrial, clocks policy.Clocks, by events.Person) Order {
	return onTrial(t, func(t *events.RebootTrial, now time.Time) error {
		if !t.Marked.IsZero() || t.Kept != "" {
			return goneOn(t)
		}
		return nextSet(t, clocks, now, by)
	})
}

// MarkTrial records that the mark of a trial that has begun stands, on a router as c shows it.
func MarkTrial(t events.RebootTrial, c events.Canary, by events.Person) Order {
	return afterSet(t, func(t *events.RebootTrial, now time.Time) error {
		if !t.Marked.IsZero() || t.Kept != "" {
			return goneOn(t)
		}
		t.Marked, t.Booted, t.Software, t.By = now.UTC(), c.Booted, c.Software, by
		return nil
	})
}

// JudgeTrial records what a reboot did to a mark, on a router as c shows it now, and that the mark is about to be taken off.
func JudgeTrial(t events.RebootTrial, c events.Canary, clocks policy.Clocks, by events.Person) Order {
	return onTrial(t, func(t *events.RebootTrial, now time.Time) error {
		switch {
		case t.Marked.IsZero() || t.Kept != "":
			return goneOn(t)
		case c.Booted.IsZero():
			return refuse("router %s does not tell when it booted: ask again", t.Device)
		case c.Booted.Equal(t.Booted):
			return refuse("router %s is up since %s and was not rebooted since it was marked: reboot it, without saving its configuration by hand, and ask again", t.Device, c.Booted.Format(time.RFC3339))
		case c.Booted.Before(t.Marked.Add(-clockBehind)):
			return refuse("router %s says that it booted at %s, before it was marked at %s: its clock was set, or is wrong; reboot it, or take the mark off",
				t.Device, c.Booted.Format(time.RFC3339), t.Marked.Format(time.RFC3339))
		}
		t.Rebooted = c.Booted
		t.Kept, t.Detail = judged(t, c)
		return nextSet(t, clocks, now, by)
	})
}

// judged is what a reboot did, and why that is not known where it is not.
func judged(t *events.RebootTrial, c events.Canary) (kept events.Kept, detail string) {
	switch {
	case c.Software != t.Software:
		return events.KeptUnknown, fmt.Sprintf("it was rebooted into other software: %q, and not %q", c.Software, t.Software)
	case c.Value == t.Mark:
		return events.KeptYes, ""
	case c.Value == t.Before:
		return events.KeptNo, ""
	}
	return events.KeptUnknown, fmt.Sprintf("%s is %s: somebody has set it", t.Leaf, c.Value)
}

// AbandonTrial records that nothing will come out of a trial, unless something has already, and that the mark is about to be
// taken off.
func AbandonTrial(t events.RebootTrial, clocks policy.Clocks, by events.Person, why string) Order {
	return onTrial(t, func(t *events.RebootTrial, now time.Time) error {
		if t.Kept == "" {
			t.Kept, t.Detail = events.KeptUnknown, why
		}
		return nextSet(t, clocks, now, by)
	})
}

// EndTrial records that the mark is off the router, and what else is to be said of it.
func EndTrial(t events.RebootTrial, by events.Person, left string) Order {
	return afterSet(t, func(t *events.RebootTrial, _ time.Time) error {
		if t.Kept == "" {
			return refuse("the trial of %s is not judged", t.Device)
		}
		t.Over, t.By = true, by
		if left != "" {
			t.Detail = left
		}
		return nil
	})
}

// onTrial lets step go on with the trial that is meant, as it stands on the Board.
func onTrial(meant events.RebootTrial, step func(t *events.RebootTrial, now time.Time) error) Order {
	return func(b *Board, now time.Time) ([]events.Record, error) {
		t, ok := b.Trial(meant.Device)
		switch {
		case !ok || t.Over:
			return nil, refuse("router %s is not marked", meant.Device)
		case !t.Begun.Equal(meant.Begun):
			return nil, refuse("router %s was marked anew by %s: ask again", meant.Device, t.By.Name)
		}
		if err := step(&t, now); err != nil {
			return nil, err
		}
		return trialRecord(t), nil
	}
}

// afterSet lets whoever has sent a trial's newest Set say what came of it.
func afterSet(meant events.RebootTrial, step func(t *events.RebootTrial, now time.Time) error) Order {
	return onTrial(meant, func(t *events.RebootTrial, now time.Time) error {
		if t.Deadline.IsZero() || !t.Deadline.Equal(meant.Deadline) {
			return goneOn(t)
		}
		t.Deadline, t.Margin = time.Time{}, 0
		return step(t, now)
	})
}

// nextSet lets a Set leave once no other may be on its way.
func nextSet(t *events.RebootTrial, clocks policy.Clocks, now time.Time, by events.Person) error {
	if silent := t.Deadline.Add(t.Margin.Std()); !t.Deadline.IsZero() && now.Before(silent) {
		return refuse("a Set of the trial of %s, which %s asked for, may be on its way until %s: ask again then", t.Device, t.By.Name, silent.Format(time.RFC3339))
	}
	t.By = by
	letSet(t, clocks, now)
	return nil
}

func letSet(t *events.RebootTrial, clocks policy.Clocks, now time.Time) {
	t.Deadline, t.Margin = now.UTC().Add(clocks.SetDeadline.Std()), clocks.Margin
}

func goneOn(t *events.RebootTrial) error {
	return refuse("somebody else has gone on with the trial of %s: ask again", t.Device)
}

func trialRecord(t events.RebootTrial) []events.Record { return []events.Record{{Body: t}} }
