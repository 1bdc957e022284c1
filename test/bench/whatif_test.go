package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/detour-net/detour/internal/network/whatif"
)

// subject is a network to ask questions about.
type subject struct {
	name   string
	spec   func(b *testing.B) whatif.Spec
	drains int // links that are drained one after the other, for each question
	all    int // links that a table of all is made of at most; the rest is reckoned from these
}

// whatIf measures what the verdict on a drain costs, on real networks and on made-up ones of a provider's size, against
// computing everything anew and against what others take for the same loads.
func (t *table) whatIf(b *testing.B) {
	zoo := func(name string) func(b *testing.B) whatif.Spec {
		return func(b *testing.B) whatif.Spec { return zooSpec(b, name) }
	}
	subjects := []subject{
		{"Abilene", zoo("Abilene"), 14, 14},
		{"Cogentco", zoo("Cogentco"), 100, 1000},
		{"Kdl", zoo("Kdl"), 40, 100},
		{"Provider", func(b *testing.B) whatif.Spec { return ispSpec(b, 1000, 4000) }, 40, 20},
		{"Geometric", func(b *testing.B) whatif.Spec { return geometricSpec(b, 1000, 4000) }, 40, 20},
	}
	if testing.Short() {
		subjects = []subject{
			{"Abilene", zoo("Abilene"), 3, 3},
			{"Provider", func(b *testing.B) whatif.Spec { return ispSpec(b, 40, 120) }, 3, 3},
			{"Geometric", func(b *testing.B) whatif.Spec { return geometricSpec(b, 40, 90) }, 3, 3},
		}
	}
	for _, s := range subjects {
		b.Run(s.name, func(b *testing.B) {
			for b.Loop() {
				t.ask(b, s)
			}
		})
	}
	b.Run("Largest", func(b *testing.B) {
		for b.Loop() {
			t.largest(b)
		}
	})
}

// inquiry is a subject with what is known of it.
type inquiry struct {
	subject
	spec   whatif.Spec
	net    *whatif.Net
	base   *whatif.State
	survey *whatif.Survey
	links  []string // that are drained, in an order by chance, with a seed
	held   memory   // before anything was made of the spec

	solve    time.Duration // of the load of every link
	networkx time.Duration // of the same, 0 when it is not known
}

func (t *table) ask(b *testing.B, s subject) {
	q := &inquiry{subject: s, spec: s.spec(b)}
	q.name = fmt.Sprintf("%s (%d routers, %d links)", s.name, len(q.spec.Nodes), len(q.spec.Links))
	r := rand.New(rand.NewPCG(7, 7))
	for _, i := range r.Perm(len(q.spec.Links)) {
		q.links = append(q.links, q.spec.Links[i].Name)
	}
	q.held = measure()
	t.base(b, q)
	t.prepare(b, q)
	t.drain(b, q, "")
	t.verdicts(b, q)
	t.everyLink(b, q)
}

// base is the load of every link from nothing, against others.
func (t *table) base(b *testing.B, q *inquiry) {
	n, err := whatif.New(q.spec)
	if err != nil {
		b.Fatal(err)
	}
	q.net, q.base = n, n.Solve()
	const rounds = 5
	var took []time.Duration
	for range rounds {
		began := time.Now()
		q.base = n.Solve()
		took = append(took, time.Since(began))
	}
	q.solve = quantile(took, 0.5)
	what := q.name + ": load of every link, full matrix"
	t.put(row{what: what, ours: milliseconds(q.solve)})
	against := func(who string, theirs time.Duration, note, goal string) {
		r := row{what: what + "; floor: " + who, ours: milliseconds(q.solve), floor: note, goal: goal}
		if theirs > 0 {
			r.floor, r.ratio = milliseconds(theirs), over(theirs, q.solve)
			if note != "" {
				r.floor = words(r.floor, note)
			}
		}
		t.put(r)
	}
	against("gonum's paths", withGonum(b, q.spec, q.base), "", ">= 20 times faster")
	theirs, note := withBoost(b, q.spec, q.base)
	against("Boost's paths, in C++", theirs, note, ">= 2 times faster")
	theirs, note = withNetworkx(b, q.spec)
	against("networkx", theirs, note, ">= 50 times faster")
	q.networkx = theirs
}

// failures are those that a verdict is about.
func (q *inquiry) failures() []whatif.Scenario {
	return slices.Concat(q.net.Links(), q.net.Groups(), q.net.Nodes())
}

// surveyMemory is what a survey may keep, in bytes.
const surveyMemory = 1 << 30

// prepare makes the tables that verdicts share, once for a network and its traffic.
func (t *table) prepare(b *testing.B, q *inquiry) {
	began := time.Now()
	survey, err := whatif.NewSurvey(q.base, q.failures(), surveyMemory)
	if err != nil {
		b.Fatal(err)
	}
	took := time.Since(began)
	q.survey = survey
	after := measure()
	t.put(row{
		what: q.name + ": tables of every failure",
		ours: words(
			fmt.Sprintf("%.2f s", took.Seconds()), fmt.Sprintf("%.1f MiB", float64(survey.Bytes())/mebibyte),
			fmt.Sprintf("%.1f MiB with network and loads", (float64(after.heap)-float64(q.held.heap))/mebibyte), fmt.Sprintf("this process %s", after),
		),
	})
}

// largest is what loads take in the largest network that Detour takes, with as many demands as it takes.
func (t *table) largest(b *testing.B) {
	routers, links, others := 10_000, 40_000, 400
	if testing.Short() {
		routers, links, others = 100, 300, 10
	}
	q := &inquiry{subject: subject{drains: 40}, spec: largestSpec(routers, links, others), held: measure()}
	q.name = fmt.Sprintf("Largest (%d routers, %d links, %d demands)", routers, links, len(q.spec.Demands))
	n, err := whatif.New(q.spec)
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	q.net, q.base = n, n.Solve()
	q.solve = time.Since(began)
	after := measure()
	t.put(row{
		what: q.name + ": load of every link",
		ours: words(milliseconds(q.solve), fmt.Sprintf("%.0f MiB", (float64(after.heap)-float64(q.held.heap))/mebibyte), fmt.Sprintf("this process %s", after)),
		goal: "8 GiB",
	})
	for _, i := range rand.New(rand.NewPCG(7, 7)).Perm(links)[:q.drains] {
		q.links = append(q.links, q.spec.Links[i].Name)
	}
	t.drain(b, q, "<= 1 s")
}

// drain is the load of every link with one drained, without failures.
func (t *table) drain(b *testing.B, q *inquiry, goal string) {
	var took []time.Duration
	for _, link := range q.links[:min(q.drains, len(q.links))] {
		began := time.Now()
		if _, err := q.base.Apply(whatif.SoftDrain(link)); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	t.put(row{
		what: q.name + ": load of every link, one drained, p50 / p95; floor: from nothing",
		ours: between(took), floor: milliseconds(q.solve), ratio: over(q.solve, quantile(took, 0.5)), goal: goal,
	})
}

func between(took []time.Duration) string {
	return milliseconds(quantile(took, 0.5)) + " / " + milliseconds(quantile(took, 0.95))
}

// verdicts are drains with every link, risk group and router failing on top of each, the tables at hand, and one
// with nothing at hand.
func (t *table) verdicts(b *testing.B, q *inquiry) {
	var took []time.Duration
	failures, settled := 0, 0
	for _, link := range q.links[:min(q.drains, len(q.links))] {
		began := time.Now()
		out := q.verdict(b, link, whatif.DefaultLimits())
		took = append(took, time.Since(began))
		failures, settled = failures+out.Failures, settled+out.Settled
	}
	p50 := quantile(took, 0.5)
	anew := 2 * time.Duration(failures/len(took)) * q.solve // before the drain and after it
	t.put(row{
		what: q.name + ": verdict on a drain with complete N-1, warm, p50 / p95; floor: all failures from nothing",
		ours: words(between(took), fmt.Sprintf("%.1f %% settled by bounds", 100*over(settled, failures))), floor: fmt.Sprintf("%.1f s, reckoned", anew.Seconds()),
		ratio: over(anew, p50), goal: ">= 1,000 times faster",
	})
	began := time.Now()
	n, err := whatif.New(q.spec)
	if err != nil {
		b.Fatal(err)
	}
	cold := &inquiry{net: n, base: n.Solve()}
	if cold.survey, err = whatif.NewSurvey(cold.base, cold.failures(), surveyMemory); err != nil {
		b.Fatal(err)
	}
	cold.verdict(b, q.links[0], whatif.DefaultLimits())
	t.put(row{what: q.name + ": the same, cold", ours: milliseconds(time.Since(began))})
}

func (q *inquiry) verdict(b *testing.B, link string, limits whatif.Limits) whatif.Survival {
	after, err := q.base.Apply(whatif.SoftDrain(link))
	if err != nil {
		b.Fatal(err)
	}
	out, err := q.survey.Survive(after, limits)
	if err != nil {
		b.Fatal(err)
	}
	return out
}

// everyLink is a verdict on each link, with the worst failure bounded where no limit may be broken.
func (t *table) everyLink(b *testing.B, q *inquiry) {
	limits := whatif.DefaultLimits()
	limits.Bound = true
	asked := q.links[:min(q.all, len(q.links))]
	began := time.Now()
	safe := 0
	for _, link := range asked {
		if q.verdict(b, link, limits).OK() {
			safe++
		}
	}
	took := time.Since(began) * time.Duration(len(q.links)) / time.Duration(len(asked))
	note := fmt.Sprintf("%d of %d safe", safe, len(asked))
	if len(asked) < len(q.links) {
		note += fmt.Sprintf(", reckoned from %d links", len(asked))
	}
	r := row{what: q.name + ": every link drained with complete N-1", ours: words(fmt.Sprintf("%.1f s", took.Seconds()), note)}
	if q.networkx > 0 {
		anew := 2 * q.networkx.Seconds() * float64(len(q.failures())*len(q.links)) // before each drain and after it
		r.what += "; floor: networkx from nothing"
		r.floor, r.ratio, r.goal = fmt.Sprintf("%.0f s, reckoned", anew), anew/took.Seconds(), ">= 1,000 times faster"
	}
	t.put(r)
}
