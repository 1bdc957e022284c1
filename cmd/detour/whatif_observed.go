package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/app"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/discover"
)

// askRouters takes the network as its routers tell it now: the metrics in force and overload bits, whoever set them, and
// what is down. Where something is not known, nothing is computed on it.
func (w *workbench) askRouters(ctx context.Context) error {
	accounts, err := app.Accounts(ctx, w.network, w.inventory, zap.NewNop())
	if err != nil {
		return err
	}
	state, unknown := discover.State(w.network, accounts)
	if len(unknown) > 0 {
		why := ""
		for _, a := range accounts {
			if a.Silent != "" {
				why = ": " + a.Silent
			}
		}
		return &codedError{fmt.Errorf("--observed: the present state of %s is not known%s", strings.Join(unknown, ", "), why), exitFailed}
	}
	live, err := network.Effective(w.network, state)
	if err != nil {
		return fmt.Errorf("--observed: %w", err)
	}
	w.seen = &state
	for i, l := range w.network.Links {
		now := live.Links[i]
		switch {
		case now.Down:
			w.down = append(w.down, l.Name)
		case slices.ContainsFunc(slices.Concat(now.A, now.B), func(m network.Metric) bool { return m.Value >= network.MetricLastResort }):
			w.drained = append(w.drained, l.Name)
		}
	}
	w.notes = append(w.notes, w.observedNotes(live)...)
	return nil
}

// observedNotes say in words where the network is not as it is configured.
func (w *workbench) observedNotes(live network.Live) (notes []string) {
	note := func(what string, names []string) {
		if len(names) > 0 {
			notes = append(notes, what+": "+strings.Join(names, ", "))
		}
	}
	var overloaded []string
	for i, r := range live.Routers {
		if r.Overload {
			overloaded = append(overloaded, w.network.Routers[i].Name)
		}
	}
	note("drained now, by whomever", w.drained)
	note("down now", w.down)
	note("not transited now, by the overload bit", overloaded)
	return notes
}

// errNoRouters is for networks of which only a drawing is known.
var errNoRouters = errors.New("--observed: a network from a GML file has no routers to ask: want --config, or --inventory with --topology")
