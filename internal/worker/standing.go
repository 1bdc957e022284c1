package worker

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// standing tells how things stand with a worker. Whoever scrapes it looks at the Board then: deciding costs nothing for it.
type standing struct{ worker atomic.Pointer[Worker] }

// What standing tells.
var (
	descPosition   = prometheus.NewDesc("detour_ledger_position", "Position of the last commit folded.", nil, nil)
	descIncidents  = prometheus.NewDesc("detour_incidents", "Open incidents, by phase.", []string{"phase"}, nil)
	descFreezes    = prometheus.NewDesc("detour_freezes", "Freezes in force.", nil, nil)
	descFreezeAge  = prometheus.NewDesc("detour_freeze_age_seconds", "How long the oldest freeze has been in force; 0 without one.", nil, nil)
	descQuestion   = prometheus.NewDesc("detour_question_age_seconds", "How long people have been asked what is open longest; 0 while nothing is asked.", nil, nil)
	descUnrecorded = prometheus.NewDesc("detour_anomaly_age_seconds", "How long ago the oldest anomaly was received that this replica has taken and not recorded yet; 0 without one.", nil, nil)
	descBadPolicy  = prometheus.NewDesc("detour_policy_refused", "1 while what the policy's file holds cannot be used, and the policy of before stays in force.", nil, nil)
	descHalted     = prometheus.NewDesc("detour_halted", "1 while this replica makes no decision any more: its ledger is broken, or a newer version writes to it.", nil, nil)
	descCaught     = prometheus.NewDesc("detour_caught_up", "1 once what stood on the ledger at the start has been folded.", nil, nil)
	descWritable   = prometheus.NewDesc("detour_ledger_writable", "1 while the ledger takes records, as far as is known.", nil, nil)
	descMode       = prometheus.NewDesc("detour_mode", "1 for the mode that the configuration says, 0 for the other.", []string{"mode"}, nil)
)

// openPhases are those of an incident that has not ended.
var openPhases = []incident.Phase{
	incident.Open, incident.Waiting, incident.Asking, incident.Acting, incident.Verifying, incident.Confirming, incident.Holding, incident.Reverting,
	incident.Probation, incident.Stuck,
}

// Describe implements prometheus.Collector.
func (s *standing) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descPosition, descIncidents, descFreezes, descFreezeAge, descQuestion, descUnrecorded, descBadPolicy, descHalted, descCaught, descWritable, descMode,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *standing) Collect(ch chan<- prometheus.Metric) {
	w := s.worker.Load()
	if w == nil {
		return
	}
	tell := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	now, status := w.Now(), w.Status()
	age := func(since time.Time) float64 {
		if since.IsZero() {
			return 0
		}
		return max(0, now.Sub(since).Seconds())
	}
	phases := map[incident.Phase]int{}
	var frozen, asked time.Time
	freezes := 0
	w.View(func(b *incident.Board) {
		freezes, frozen = b.Frozen()
		for _, i := range b.Open() {
			if phases[i.Phase]++; i.Phase == incident.Asking {
				asked = sooner(asked, i.Asked)
			}
		}
	})
	for _, p := range openPhases {
		tell(descIncidents, float64(phases[p]), string(p))
	}
	tell(descPosition, float64(status.Position))
	tell(descFreezes, float64(freezes))
	tell(descFreezeAge, age(frozen))
	tell(descQuestion, age(asked))
	tell(descUnrecorded, age(w.oldest()))
	tell(descBadPolicy, truth(status.BadPolicy != ""))
	tell(descHalted, truth(status.Halted != ""))
	tell(descCaught, truth(status.CaughtUp))
	tell(descWritable, truth(status.Unwritable == ""))
	for _, m := range []events.Mode{events.DryRun, events.Live} {
		tell(descMode, truth(m == w.Mode), string(m))
	}
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// waits notes since when the oldest anomaly has been waiting that is taken and not recorded.
func (w *Worker) waits() {
	var since int64
	if len(w.world.pending) > 0 {
		since = w.world.pending[0].Received.UnixNano()
	}
	w.pendingSince.Store(since)
}

// oldest is since when that is, the zero time for no such anomaly.
func (w *Worker) oldest() time.Time {
	if since := w.pendingSince.Load(); since != 0 {
		return time.Unix(0, since)
	}
	return time.Time{}
}
