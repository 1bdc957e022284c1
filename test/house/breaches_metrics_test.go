package house_test

func metricBreaches() []breach {
	const made = `package web

var a = prometheus.NewDesc("detour_up", "Up.", nil, nil)
var b = histogram.Spans(
	"detour_long_seconds", "Long.")
var c = prometheus.CounterOpts{Name: "detour_things", Help: "Things."}
var d = "detour_form"
`
	alert := func(name, anchor string) string {
		return "      - alert: " + name + "\n        expr: detour_up == 0\n        annotations:\n          runbook_url: https://example.org/runbook.md#" + anchor + "\n"
	}
	return []breach{
		{"metrics", "unknown, unmentioned and misnamed", map[string]string{
			"internal/web/x.go":                  made,
			"README.md":                          "`detour_up`, and detour_gone; detour_gone again; the project detour-net\n",
			"deployments/runbook.md":             "| `detour_up` | | |\n| `detour_long_seconds` |\n",
			"deployments/prometheus/alerts.yaml": "rate(detour_long_seconds_bucket[5m]) + detour_up_count\n",
			"deployments/grafana/detour.json":    `"rate(detour_long_seconds_count[5m]) + detour_things + detour_form"`,
		}, []string{
			"README.md detour_gone", "internal/web/x.go runbook.md does not mention detour_things",
			"deployments/grafana/detour.json detour_form", "internal/web/x.go detour.json does not mention detour_up", "internal/web/x.go detour_things counts",
		}},
		{"alerts", "without a section, and of nothing", map[string]string{
			"deployments/runbook.md":             "### A\n\n### Gone\n",
			"deployments/prometheus/alerts.yaml": alert("A", "a") + alert("B", "b") + alert("A", "gone") + "      - record: x\n",
		}, []string{
			"deployments/prometheus/alerts.yaml B has no section", "deployments/prometheus/alerts.yaml A: its runbook_url", "deployments/prometheus/alerts.yaml no alert: record",
			"deployments/runbook.md Gone is no alert",
		}},
	}
}
