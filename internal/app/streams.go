package app

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/config"
)

// Streams are those that CreateStreams makes.
func Streams() []string {
	return []string{events.StreamLedger, events.StreamAnomalies, events.StreamRejected}
}

// CreateStreams makes the streams that the replicas of c need and its domain's consumer, as far as they are missing, and
// checks those that exist. It waits for the bus until ctx ends.
func CreateStreams(ctx context.Context, c *config.Config, log *zap.Logger) error {
	if c.NATS.Embedded != nil {
		return errors.New("the embedded bus is its replica's alone, which makes its streams itself")
	}
	c.NATS.Streams = config.MakeStreams
	a := &App{cfg: c, log: log}
	for _, open := range []func(context.Context) error{a.openBus, a.openLedger, a.openIntake} {
		if err := open(ctx); err != nil {
			return errors.Join(err, a.Close())
		}
	}
	return a.Close()
}
