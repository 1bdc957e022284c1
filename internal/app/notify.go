package app

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/detour-net/detour/internal/config"
	"github.com/detour-net/detour/internal/notify"
	"github.com/detour-net/detour/internal/notify/pagerduty"
	"github.com/detour-net/detour/internal/notify/teams"
)

// openNotify makes a sender for every channel that the configuration names. None sends anything before it runs.
func (a *App) openNotify(registry prometheus.Registerer) {
	n := a.cfg.Notify
	if n == nil {
		return
	}
	metrics := notify.NewMetrics(registry)
	add := func(name string, to notify.Channel, when config.When) {
		a.senders = append(a.senders, notify.New(notify.Config{
			Name: name, Channel: to, When: when, Domain: a.cfg.Domain, Console: n.Console, Me: a.worker.Me(), Rank: a.cfg.Replica.Rank,
			Board: a.worker, Orders: a.worker, Now: now, Log: a.log.Named("notify"), Metrics: metrics,
		}))
	}
	if p := n.PagerDuty; p != nil {
		add("pagerduty", pagerduty.New(p.URL, a.cfg.NotifySecrets.RoutingKey), p.When)
	}
	if t := n.Teams; t != nil {
		add("teams", teams.New(a.cfg.NotifySecrets.Webhook), t.When)
	}
}

// notifyTasks are what sends notices while the replica runs.
func (a *App) notifyTasks() map[string]func(context.Context) error {
	tasks := map[string]func(context.Context) error{}
	for _, s := range a.senders {
		tasks[s.Name+" sender"] = s.Run
	}
	return tasks
}
