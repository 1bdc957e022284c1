package app

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/ledger/ship"
	"github.com/detour-net/detour/internal/web"
)

// openCheckpoints makes what ships checkpoints to the places that the configuration names. The servers of another account need
// not be there yet.
func (a *App) openCheckpoints(registry prometheus.Registerer) error {
	c := a.cfg.Checkpoints
	if c == nil {
		return nil
	}
	log, targets := a.log.Named("checkpoints"), map[string]ship.Target{}
	if c.File != "" {
		targets["file"] = ship.File{Path: c.File}
	}
	if h := c.HTTP; h != nil {
		object := ship.Object{URL: h.URL, Bearer: a.cfg.Signing.Bearer, Client: &http.Client{}, Now: time.Now}
		if h.S3 != nil {
			object.S3 = &ship.S3{Region: h.S3.Region, AccessKey: h.S3.AccessKey, SecretKey: a.cfg.Signing.SecretKey}
		}
		targets["http"] = object
	}
	if c.NATS != nil {
		to := Bus(a.cfg.Signing.NATS)
		to.Name, to.Log = "detour checkpoints "+a.cfg.Replica.Name, log
		conn, err := bus.Connect(to)
		if err != nil {
			return fmt.Errorf("checkpoints: %w", err)
		}
		a.onClose("connection for checkpoints", conn.Close)
		targets["nats"] = ship.Stream{JS: conn.JetStream()}
	}
	a.shipper = ship.New(ship.Config{
		Domain: a.cfg.Domain, Signer: a.cfg.Signing.Signer, Trusted: a.cfg.Signing.Trusted, Every: c.Every.Std(), Targets: targets,
		Ready: func() bool { return a.worker.Status().CaughtUp }, Now: now, Log: log, Metrics: ship.NewMetrics(registry),
	})
	return nil
}

// shipping says what is wrong with shipping checkpoints, "" if none are.
func (a *App) shipping() string {
	if a.shipper == nil {
		return ""
	}
	if late := a.shipper.Late(); late != ship.Shipped {
		return late
	}
	return web.CheckpointsShipped
}

// witnessed is a ledger of which every commit that is followed is counted for the checkpoints, too.
type witnessed struct {
	*ledger.Ledger
	shipper *ship.Shipper
}

// Follow is the ledger's.
func (w witnessed) Follow(ctx context.Context, from uint64, fn func(events.Commit) error) error {
	if w.shipper == nil {
		return w.Ledger.Follow(ctx, from, fn)
	}
	return w.Ledger.Follow(ctx, from, func(c events.Commit) error {
		w.shipper.Take(c)
		return fn(c)
	})
}
