package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
)

// Loss ratios of the sick links.
const sickness = 3e-3

func linkErrors(ctx context.Context, s *stage) error {
	if err := s.sicken(ctx, theLink, events.LinkErrors); err != nil {
		return err
	}
	if err := s.until(ctx, theLink, incident.Holding); err != nil {
		return err
	}
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	if err := s.heal(ctx, theLink); err != nil {
		return err
	}
	return s.until(ctx, theLink, incident.Closed)
}

func flapping(ctx context.Context, s *stage) error {
	if err := s.sicken(ctx, theLink, events.LinkFlap); err != nil {
		return err
	}
	if err := s.until(ctx, theLink, incident.Holding); err != nil {
		return err
	}
	if err := s.heal(ctx, theLink); err != nil {
		return err
	}
	if err := s.until(ctx, theLink, incident.Probation); err != nil {
		return err
	}
	s.say("the link flaps again")
	if err := s.sicken(ctx, theLink, events.LinkFlap); err != nil {
		return err
	}
	return s.until(ctx, theLink, incident.Holding)
}

func verifyFails(ctx context.Context, s *stage) error {
	a, b := s.ends(theLink)
	for _, name := range []string{a, b} {
		s.net.Router(name).OnSet(backbone.Do, backbone.NotProgrammed())
	}
	s.say("both routers will take the change and go on forwarding as before")
	if err := s.sicken(ctx, theLink, events.LinkErrors); err != nil {
		return err
	}
	return s.until(ctx, theLink, incident.Closed)
}

func lostReply(ctx context.Context, s *stage) error {
	_, b := s.ends(theLink)
	s.net.Router(b).OnSet(backbone.First(1, backbone.Do), backbone.LoseReply())
	s.say("%s will do as it is told, and its answer will be lost", b)
	return linkErrors(ctx, s)
}

func lateSet(ctx context.Context, s *stage) error {
	_, b := s.ends(theLink)
	injected := s.net.Router(b).OnSet(backbone.First(1, backbone.Do), backbone.CommitLate(0))
	s.say("the Set to %s is held up on the way, far past its deadline", b)
	if err := s.sicken(ctx, theLink, events.LinkErrors); err != nil {
		return err
	}
	if err := s.until(ctx, theLink, incident.Holding); err != nil {
		return err
	}
	if err := s.heal(ctx, theLink); err != nil {
		return err
	}
	if err := s.until(ctx, theLink, incident.Closed); err != nil {
		return err
	}
	s.say("the late Set reaches %s now, long after the link was restored", b)
	before := len(s.net.Sets())
	injected.Release()
	if err := s.wait(ctx, "the late Set to be answered", func() bool { return len(s.net.Sets()) > before }); err != nil {
		return err
	}
	late := s.net.Sets()[before]
	s.say("%s answered %s: %s", late.Router, late.Code, late.Message)
	return nil
}

// refusedByFence is how a router answers a Set whose election id is older than one that it has seen (gNMI master arbitration).
const refusedByFence = "PermissionDenied"

func lateRefused(s *stage, i *incident.Incident) error {
	sets := s.net.Sets()
	if last := sets[len(sets)-1]; last.Code.String() != refusedByFence || last.Effective() {
		return fmt.Errorf("the late Set was answered %s, want %s", last.Code, refusedByFence)
	}
	return standsOn(0)(s, i)
}

func oneEndRefuses(ctx context.Context, s *stage) error {
	_, b := s.ends(theLink)
	s.net.Router(b).OnSet(backbone.Do, backbone.Abort("commit failed: configuration database locked"))
	s.say("%s will refuse", b)
	if err := s.sicken(ctx, theLink, events.LinkErrors); err != nil {
		return err
	}
	return s.until(ctx, theLink, incident.Closed)
}

func needsApproval(ctx context.Context, s *stage) error {
	if err := s.sicken(ctx, theLink, events.LinkErrors); err != nil {
		return err
	}
	if err := s.until(ctx, theLink, incident.Asking); err != nil {
		return err
	}
	i, err := s.incident(theLink)
	if err != nil {
		return err
	}
	s.say("$ detour approve %s --plan %s", i.ID, i.Ask.Plan.Short())
	if _, err := s.api.Approve(ctx, i.ID, string(i.Ask.Plan)); err != nil {
		return err
	}
	if err := s.until(ctx, theLink, incident.Holding); err != nil {
		return err
	}
	if err := s.heal(ctx, theLink); err != nil {
		return err
	}
	return s.until(ctx, theLink, incident.Closed)
}

func approvalExpires(ctx context.Context, s *stage) error {
	if err := s.sicken(ctx, theLink, events.LinkErrors); err != nil {
		return err
	}
	return s.until(ctx, theLink, incident.Closed)
}

func maintenance(ctx context.Context, s *stage) error {
	s.say("$ detour maintenance begin --scope device:den --for 10m --reason 'line card swap'")
	if _, err := s.api.BeginMaintenance(ctx, api.NewWindow{Scope: "device:den", For: events.Duration(10 * time.Minute), Reason: "line card swap"}); err != nil {
		return err
	}
	if err := s.sicken(ctx, theLink, events.LinkErrors); err != nil {
		return err
	}
	return s.until(ctx, theLink, incident.Holding)
}

func frozen(ctx context.Context, s *stage) error {
	s.say("$ detour freeze --reason 'change night'")
	if _, err := s.api.Freeze(ctx, string(events.Network), "change night"); err != nil {
		return err
	}
	if err := s.sicken(ctx, theLink, events.LinkErrors); err != nil {
		return err
	}
	if err := s.until(ctx, theLink, incident.Waiting); err != nil {
		return err
	}
	return s.why(theLink)
}

func budgetFull(ctx context.Context, s *stage) error {
	if err := s.sicken(ctx, other, events.LinkErrors); err != nil {
		return err
	}
	if err := s.until(ctx, other, incident.Holding); err != nil {
		return err
	}
	s.say("a second link falls sick, far away; the policy drains one at a time")
	if err := s.sicken(ctx, theLink, events.LinkErrors); err != nil {
		return err
	}
	if err := s.until(ctx, theLink, incident.Waiting); err != nil {
		return err
	}
	return s.why(theLink)
}

func replicaKilled(ctx context.Context, s *stage) error {
	_, b := s.ends(theLink)
	s.net.Router(b).OnSet(backbone.First(1, backbone.Do), backbone.Delay(time.Second))
	s.say("two replicas run, each a process of its own; %s takes a second for the first Set", b)
	if err := s.sicken(ctx, theLink, events.LinkErrors); err != nil {
		return err
	}
	if err := s.until(ctx, theLink, incident.Acting); err != nil {
		return err
	}
	i, err := s.incident(theLink)
	if err != nil {
		return err
	}
	if err := s.kill(i.Intent.Owner); err != nil {
		return err
	}
	// Where the killed Set had got to decides whether the drain is finished or taken back and decided anew.
	for {
		if err := s.until(ctx, theLink, incident.Holding, incident.Closed); err != nil {
			return err
		}
		if i, err = s.incident(theLink); err != nil {
			return err
		}
		if i.Phase == incident.Holding {
			break
		}
		if err := s.wait(ctx, "the fault to be taken up again", func() bool {
			next, err := s.incident(theLink)
			return err == nil && next.ID != i.ID
		}); err != nil {
			return err
		}
	}
	if err := s.heal(ctx, theLink); err != nil {
		return err
	}
	return s.until(ctx, theLink, incident.Closed)
}

// stormLinks are the sick links of the storm; the policy lets one be drained at a time.
var stormLinks = []string{theLink, "ipl-atl", "sea-snv"}

const stormSize = 10_000

func storm(ctx context.Context, s *stage) error {
	s.say("%d anomalies about %d links, from both ends of each, twice over", stormSize, len(stormLinks))
	if err := s.flood(ctx, stormLinks, stormSize); err != nil {
		return err
	}
	for _, link := range stormLinks {
		if err := s.sicken(ctx, link, events.LinkErrors); err != nil {
			return err
		}
	}
	if err := s.wait(ctx, "one of them to be drained", func() bool { return s.drainedEnds() == 2 }); err != nil {
		return err
	}
	for _, link := range stormLinks {
		if err := s.heal(ctx, link); err != nil {
			return err
		}
	}
	return s.wait(ctx, "every incident to end", func() bool {
		open := 0
		s.view(func(b *incident.Board) { open = len(b.Open()) })
		return open == 0
	})
}

func threeIncidents(s *stage, _ *incident.Incident) error {
	var ids []string
	s.view(func(b *incident.Board) {
		for _, i := range append(b.Open(), b.Closed()...) {
			ids = append(ids, i.ID)
		}
	})
	if len(ids) != len(stormLinks) {
		return fmt.Errorf("%d incidents %v, want %d", len(ids), ids, len(stormLinks))
	}
	return s.asBefore()
}
