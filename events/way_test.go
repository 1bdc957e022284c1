package events

import "testing"

func TestWay(t *testing.T) {
	way := []Push{
		{{Link: "a-b", Device: "a", Metric: 20}, {Link: "a-b", Device: "b", Family: IPv4, Metric: 30}, {Link: "c-d", Metric: 40}},
		{{Link: "a-b", Metric: 100}},
	}
	for _, tt := range []struct {
		link, device, family string
		from                 uint64
		metric               uint32 // 0: none
		sets                 bool
	}{
		{"a-b", "a", IPv4, 10, 20, true},
		{"a-b", "a", IPv6, 19, 20, true},
		{"a-b", "a", IPv4, 20, 100, true},
		{"a-b", "b", IPv4, 10, 30, true},
		{"a-b", "b", IPv6, 10, 100, true},
		{"a-b", "b", IPv4, 100, 0, true},
		{"c-d", "x", IPv6, 10, 40, true},
		{"c-d", "x", IPv6, 40, 0, true},
		{"e-f", "a", IPv4, 10, 0, false},
	} {
		metric, ok := Next(way, tt.link, tt.device, tt.family, tt.from)
		if metric != tt.metric || ok != (tt.metric > 0) || Sets(way, tt.link, tt.device, tt.family) != tt.sets {
			t.Errorf("%+v: %d, %t", tt, metric, ok)
		}
	}
	if got := Uniform("a-b", 1, 2); len(got) != 2 || got[1][0] != (EndMetric{Link: "a-b", Metric: 2}) || Uniform("a-b") != nil {
		t.Errorf("%v", got)
	}
	hard := Prospect{Way: Uniform("a-b", 100, 1<<24-1)}
	soft, none := Prospect{Way: Uniform("a-b", 1<<24-1, 1<<24-2)}, Prospect{Way: []Push{{}}}
	if !hard.Hard() || soft.Hard() || none.Hard() {
		t.Error("a hard drain is one whose last push takes the link out of SPF")
	}
}
