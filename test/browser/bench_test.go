package browser_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/webtest"
)

// updates is how often the map is drawn anew in one iteration.
const updates = 10

// mesh is a network of so many routers, each linked to the next ones around it, on a spiral over a continent.
func mesh(routers int) (t api.Topology) {
	for n := range routers {
		turn, out := float64(n)*2.39996, math.Sqrt(float64(n+1)/float64(routers))
		t.Routers = append(t.Routers, api.Place{Name: fmt.Sprintf("r%04d", n), Latitude: 39 + 9*out*math.Sin(turn), Longitude: -96 + 26*out*math.Cos(turn)})
	}
	for n := range routers {
		for _, far := range []int{min(13, routers/4), min(21, routers/3)} {
			if other := n + far; other < routers {
				a, b := t.Routers[n].Name, t.Routers[other].Name
				t.Links = append(t.Links, api.Span{Name: a + "-" + b, A: a, B: b, Capacity: 100e9})
			}
		}
	}
	return t
}

// median of samples in milliseconds.
func median(samples []float64) float64 {
	slices.Sort(samples)
	return samples[len(samples)/2]
}

// BenchmarkMap takes the time of the map in the browser, by its own clock: from the address to the map drawn (open-ms), the
// drawing alone (first-ms), and drawing anew when one link has changed (update-ms); medians. The whole network is drawn, and
// for 300 routers and more also what is around the event alone, which is what the console shows first.
func BenchmarkMap(b *testing.B) {
	for _, routers := range []int{11, 300, 2000} {
		for _, whole := range []bool{false, true} {
			if routers == 11 && !whole {
				continue
			}
			name := fmt.Sprintf("routers=%d/around", routers)
			if whole {
				name = fmt.Sprintf("routers=%d/whole", routers)
			}
			b.Run(name, func(b *testing.B) { benchMap(b, mesh(routers), whole) })
		}
	}
}

func benchMap(b *testing.B, top api.Topology, whole bool) {
	r := serve(b)
	r.SetTopology(top)
	sick := top.Links[len(top.Links)/2].Name
	r.Break(sick)
	var opened, first, update []float64
	for b.Loop() {
		p := open(b, r, "/", deskWidth, deskHeight)
		p.wait("the map", `document.querySelector("svg.map")?.dataset.drawn`)
		if whole && is[bool](p, `!document.querySelector('[data-act="whole"]').hidden`) {
			p.press(`[data-act="whole"]`)
			p.wait("the whole map", fmt.Sprintf(`document.querySelectorAll(".map .place").length === %d`, len(top.Routers)))
		}
		opened = append(opened, until(p, "map"))
		first = append(first, newest(p))
		p.shot("map")
		for n := range updates {
			r.Break(sick, top.Links[n].Name)
			stir(b, r)
			p.wait("the map to be drawn anew", fmt.Sprintf(`document.querySelector("svg.map").dataset.drawn === "%d"`, r.Status().Position))
			update = append(update, newest(p))
		}
		p.clean()
	}
	b.ReportMetric(median(opened), "open-ms")
	b.ReportMetric(median(first), "first-ms")
	b.ReportMetric(median(update), "update-ms")
	b.ReportMetric(0, "ns/op")
}

// until is when the first drawing of something was done, in milliseconds from the address on.
func until(p *tab, what string) float64 {
	p.tb.Helper()
	return is[float64](p, fmt.Sprintf(`((e) => e.startTime + e.duration)(performance.getEntriesByName(%q)[0])`, what))
}

// newest is how long the newest drawing took, in milliseconds.
func newest(p *tab) float64 {
	p.tb.Helper()
	return is[float64](p, `performance.getEntriesByName("map").at(-1).duration`)
}

// stir has something recorded, so that every console looks again.
func stir(tb testing.TB, r *replica) {
	tb.Helper()
	if _, err := r.Append(webtest.Start.Add(time.Minute), events.Record{Body: events.PolicyLoaded{Digest: "sha256:1111111111111111111111111111111111111111111111111111111111111111", Mode: events.Live, Source: "policy.yaml"}}); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkTenThousandIncidents takes the time from the address to the first rows of a list of 10,000 open incidents (open-ms),
// from a leap to its end to the last rows (leap-ms), and from the address to the first page with as many (now-ms); medians.
func BenchmarkTenThousandIncidents(b *testing.B) {
	r := serve(b)
	if err := r.Many(10_000); err != nil {
		b.Fatal(err)
	}
	var opened, leap, first []float64
	for b.Loop() {
		p := open(b, r, "/incidents", deskWidth, deskHeight)
		p.wait("the list", `document.querySelector("[aria-posinset='1']")`)
		opened = append(opened, is[float64](p, `((e) => e.startTime + e.duration)(performance.getEntriesByName("list").find((e) => e.detail > 0))`))
		took, err := chromedp.Run(p.ctx, chromedp.Evaluate[float64](`new Promise((done) => {
			const began = performance.now(), list = document.querySelector(".long");
			list.scrollTop = 1e9;
			(function look() { document.querySelector("[aria-posinset='10004']") && !document.querySelector(".line[aria-busy]") ? done(performance.now() - began) : requestAnimationFrame(look); })();
		})`, chromedp.EvalAwaitPromise))
		if err != nil {
			b.Fatal(err)
		}
		leap = append(leap, took)
		home := open(b, r, "/", deskWidth, deskHeight)
		home.says("#others", "10001")
		first = append(first, is[float64](home, `((e) => e.startTime + e.duration)(performance.getEntriesByName("now").find((e) => e.detail > 10000))`))
	}
	b.ReportMetric(median(opened), "open-ms")
	b.ReportMetric(median(leap), "leap-ms")
	b.ReportMetric(median(first), "now-ms")
	b.ReportMetric(0, "ns/op")
}
