package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/detour-net/detour/internal/device"
	"github.com/detour-net/detour/internal/histogram"
	"github.com/detour-net/detour/internal/incident"
)

// forecasting times looks at targets, and what is computed for them. The zero value times nothing.
type forecasting struct {
	observation prometheus.Histogram
	forecast    *prometheus.HistogramVec
}

// Uses of a forecast.
const (
	forDecision = "decision" // somebody waits for it
	inAdvance   = "advance"
)

func newForecasting(r prometheus.Registerer) forecasting {
	f := forecasting{
		observation: prometheus.NewHistogram(histogram.Moments("detour_observation_seconds", "Time it took to see a target, what routers were asked for and its forecast included.")),
		forecast: prometheus.NewHistogramVec(histogram.Moments("detour_forecast_seconds",
			"Time it took to compute what a drain would do: for a decision, or of every link in advance."), []string{"use"}),
	}
	r.MustRegister(f.observation, f.forecast)
	return f
}

func (f forecasting) observed(began time.Time) {
	if f.observation != nil {
		f.observation.Observe(time.Since(began).Seconds())
	}
}

func (f forecasting) forecasted(use string, took time.Duration) {
	if f.forecast != nil {
		f.forecast.WithLabelValues(use).Observe(took.Seconds())
	}
}

// surroundings tells how things stand around the worker: bus, intake, routers and drains. Whoever scrapes it looks then. Routers are
// counted, not named: `detour routers` names them.
type surroundings struct {
	connected func() bool
	takingIn  func() bool
	routers   func() []device.RouterStatus
	others    func() []string // links that routers show drained and no incident holds
	view      func(func(*incident.Board))
	began     time.Time
	now       func() time.Time
}

func newSurroundings(a *App) *surroundings {
	return &surroundings{
		connected: func() bool { return a.conn.Connected() && a.feed.Connected() },
		takingIn:  func() bool { return a.feed.Connected() && a.intake.Fetching() },
		routers:   a.fleet.Routers, others: a.othersDrains, view: a.worker.View, began: time.Now(), now: time.Now,
	}
}

// What surroundings tell.
var (
	descBus     = prometheus.NewDesc("detour_bus_connected", "1 while this replica is connected to NATS.", nil, nil)
	descTaking  = prometheus.NewDesc("detour_taking_in", "1 while this replica takes in anomalies, which one does for all.", nil, nil)
	descRouters = prometheus.NewDesc("detour_routers", "Routers of the inventory, by the state of this replica's session: up or down.", []string{"state"}, nil)
	descTold    = prometheus.NewDesc("detour_router_told_age_seconds", "How long ago the router that is up and has been silent longest told anything but the first answer to a subscription; 0 while none is up.", nil, nil)
	descDrains  = prometheus.NewDesc("detour_drains", "Links drained, by owner: detour, or others, among them those of incidents that wait for a person.", []string{"owner"}, nil)
)

// Describe implements prometheus.Collector.
func (s *surroundings) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descBus, descTaking, descRouters, descTold, descDrains} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *surroundings) Collect(ch chan<- prometheus.Metric) {
	tell := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for d, holds := range map[*prometheus.Desc]bool{descBus: s.connected(), descTaking: s.takingIn()} {
		v := 0.0
		if holds {
			v = 1
		}
		tell(d, v)
	}
	up, down, oldest := 0, 0, time.Duration(0)
	for _, r := range s.routers() {
		if !r.Reachable {
			down++
			continue
		}
		up++
		last := r.LastTold
		if last.IsZero() {
			last = s.began
		}
		oldest = max(oldest, s.now().Sub(last))
	}
	tell(descRouters, float64(up), "up")
	tell(descRouters, float64(down), "down")
	tell(descTold, oldest.Seconds())
	ours := 0
	s.view(func(b *incident.Board) {
		for _, i := range b.Open() {
			if i.Live() && i.Stands() && i.Phase != incident.Stuck {
				ours++
			}
		}
	})
	tell(descDrains, float64(ours), "detour")
	tell(descDrains, float64(len(s.others())), "others")
}
