package app

import (
	"context"

	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/intake"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/worker"
)

// arrivals gives the worker what the intake delivers.
type arrivals struct {
	in  *intake.Intake
	log *zap.Logger
}

func (a arrivals) Next(ctx context.Context) ([]worker.Delivery, error) {
	batch, err := a.in.Next(ctx)
	if err != nil {
		return nil, err
	}
	list, messages := make([]worker.Delivery, len(batch)), make([]arrival, len(batch))
	for i, d := range batch {
		messages[i] = arrival{d, a}
		list[i] = worker.Delivery{Received: d.Received, Redelivered: d.Redelivered, Message: &messages[i]}
		if d.Unreadable == "" {
			list[i].Event = &d.Event
		} else {
			dead := d.DeadLettered()
			list[i].Dead = &dead
		}
	}
	return list, nil
}

// arrival is one of them.
type arrival struct {
	*intake.Delivery
	of arrivals
}

// Return implements worker.Message.
func (a *arrival) Return(ctx context.Context, reason string) error {
	return a.of.in.Reject(ctx, a.Delivery, reason)
}

// Ack implements worker.Message.
func (a *arrival) Ack() {
	if err := a.Delivery.Ack(); err != nil {
		a.of.log.Warn("acknowledge an anomaly; it is delivered again and recorded as a duplicate", zap.Error(err))
	}
}

// Nak implements worker.Message.
func (a *arrival) Nak() {
	if err := a.Delivery.Nak(); err != nil {
		a.of.log.Warn("give an anomaly back to the bus; it is delivered again somewhat later", zap.Error(err))
	}
}

// sights shows the API what is seen of the routers.
type sights struct{ a *App }

func (s sights) Routers() []api.Router {
	sites := map[string]string{}
	for _, r := range s.a.cfg.Network.Routers {
		sites[r.Name] = r.Site
	}
	var list []api.Router
	for _, r := range s.a.fleet.Routers() {
		list = append(list, api.Router{
			Name: r.Name, Address: r.Address, Profile: r.Profile, Site: sites[r.Name], Software: r.Software, Reachable: r.Reachable,
			Error: r.LastError, Seen: r.LastSeen, Bars: r.Bars, Actions: r.Qualified,
		})
	}
	return list
}

func (s sights) Facts() events.NetworkFacts { return s.a.fleet.See().Facts("") }

func (s sights) Compare(ctx context.Context) (api.Comparison, error) { return s.a.Compare(ctx) }

// health tells how the replica is doing.
type health struct{ a *App }

func (h health) Status() api.Status {
	w := h.a.worker.Status()
	s := api.Status{
		Replica: w.Name, Version: Version(), Mode: h.a.cfg.Mode, Position: w.Position, Digest: w.Digest, CaughtUp: w.CaughtUp, Halted: w.Halted,
		Connected: h.a.conn.Connected() && h.a.feed.Connected(), Unwritten: w.Unwritable,
		Policy: w.Policy, PolicyFrom: w.PolicyFrom, PolicyRefused: w.BadPolicy,
		Chat: h.a.chatStatus(), Checkpoints: h.a.shipping(),
	}
	return s
}
