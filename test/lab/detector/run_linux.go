package detector

import (
	"context"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/detour-net/detour/test/lab/testbed"
)

// Run follows a lab's routers, runs its prober and publishes anomalies until ctx ends. What cannot be published stays due.
func Run(ctx context.Context, bed *testbed.Bed, prober *Prober, limits Thresholds, publish Publish, log *zap.Logger) error {
	judge := NewJudge(limits, ends(bed))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return prober.Run(ctx, judge) })
	for i := range bed.Routers {
		r := &bed.Routers[i]
		group.Go(func() error {
			conn, err := bed.Dial(r)
			if err != nil {
				return err
			}
			defer conn.Close()
			Follow(ctx, r.Name, conn, judge, func(err error) { log.Info("not followed", zap.Error(err)) })
			return nil
		})
	}
	group.Go(func() error {
		report(ctx, judge, publish, log)
		return nil
	})
	return group.Wait()
}

func ends(bed *testbed.Bed) []Port {
	var list []Port
	for i := range bed.Routers {
		for _, port := range bed.Routers[i].Interfaces {
			list = append(list, Port{bed.Routers[i].Name, port.Name})
		}
	}
	return list
}
