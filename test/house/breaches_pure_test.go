package house_test

func importBreaches() []breach {
	return []breach{
		{"imports", "against the drawing", map[string]string{
			"events/x.go":            "package events\nimport _ \"example.org/m/policy\"",
			"policy/x.go":            "package policy\nimport (\n_ \"example.org/m/events\"\n_ \"example.org/m/internal/config/strict\"\n_ \"example.org/m/internal/config\"\n)",
			"internal/worker/x.go":   "package worker\nimport (\n_ \"example.org/m/internal/incident\"\n_ \"example.org/m/internal/ledger\"\n)",
			"internal/ledger/x.go":   "package ledger\nimport (\n_ \"fmt\"\n_ \"example.org/m/internal/ledger/mem\"\n_ \"example.org/m/internal/bus\"\n_ \"example.org/m/internal/worker\"\n)",
			"internal/app/x.go":      "package app\nimport (\n_ \"example.org/m/internal/ledger/mem\"\n_ \"example.org/m/internal/backbone\"\n)",
			"internal/device/x.go":   "package device\nimport _ \"example.org/m/internal/device/oc\"",
			"internal/web/x.go":      "package web\nimport _ \"example.org/m/internal/device/oc\"",
			"cmd/detour/x.go":        "package main\nimport (\n_ \"example.org/m/internal/web/client\"\n_ \"example.org/m/internal/web\"\n)",
			"internal/backbone/x.go": "package backbone\nimport _ \"example.org/m/internal/device\"",
		}, []string{
			"cmd/detour/x.go:4 imports internal/web,", "events/x.go:2 imports policy", "internal/app/x.go:4 imports internal/backbone",
			"internal/backbone/x.go:2 imports internal/device,", "internal/ledger/x.go:5 imports internal/bus", "internal/ledger/x.go:6 imports internal/worker",
			"internal/web/x.go:2 imports internal/device/oc", "internal/worker/x.go:4 imports internal/ledger", "policy/x.go:5 imports internal/config,",
		}},
		{"imports", "what tests may", map[string]string{
			"internal/device/x_test.go":         "package device_test\nimport (\n_ \"example.org/m/internal/backbone\"\n_ \"example.org/m/internal/worker\"\n)",
			"internal/web/client/x_test.go":     "package client_test\nimport _ \"example.org/m/internal/web\"",
			"internal/ledger/ledgertest/run.go": "package ledgertest\nimport _ \"example.org/m/internal/bus\"",
			"internal/ledger/x.go":              "package ledger\nimport _ \"example.org/m/internal/ledger/ledgertest\"",
		}, []string{"internal/device/x_test.go:4 imports internal/worker", "internal/ledger/x.go:2 there for tests"}},
		{"imports", "a package that nobody has drawn", one("internal/surprise/x.go", "package surprise"),
			[]string{"internal/surprise no row"}},

		{"libraries", "outside their keeper", map[string]string{
			"internal/worker/x.go":      "package worker\nimport (\n_ \"google.golang.org/grpc/codes\"\n_ \"github.com/nats-io/nats.go/jetstream\"\n)",
			"internal/device/x.go":      "package device\nimport _ \"google.golang.org/grpc/status\"",
			"internal/ledger/x.go":      "package ledger\nimport (\n_ \"github.com/nats-io/nats.go\"\n_ \"github.com/nats-io/nats-server/v2/server\"\n)",
			"internal/ledger/x_test.go": "package ledger\nimport _ \"github.com/nats-io/nats-server/v2/server\"",
			"internal/app/x.go":         "package app\nimport (\n_ \"os/signal\"\n_ \"math/rand/v2\"\n)",
		}, []string{
			"internal/app/x.go:3 cmd alone", "internal/app/x.go:4 nobody", "internal/ledger/x.go:4 internal/bus alone",
			"internal/worker/x.go:3 classified once", "internal/worker/x.go:4 streams belong",
		}},
	}
}

func pureBreaches() []breach {
	return []breach{
		{"pure-imports", "what reaches outside", map[string]string{
			"events/x.go":                 "package events\nimport (\n_ \"io\"\n_ \"os\"\n_ \"math/rand\"\n_ \"sync\"\n_ \"context\"\n)",
			"remediators/linkdrain/x.go":  "package linkdrain\nimport (\n_ \"example.org/m/events\"\n_ \"net\"\n_ \"github.com/google/uuid\"\n)",
			"internal/incident/x_test.go": "package incident\nimport _ \"os\"",
			"internal/ledger/x.go":        "package ledger\nimport _ \"os\"",
		}, []string{
			"events/x.go:4 os", "events/x.go:5 math/rand", "events/x.go:6 sync", "events/x.go:7 context",
			"remediators/linkdrain/x.go:4 net", "remediators/linkdrain/x.go:5 uuid",
		}},

		{"pure-calls", "clocks and printing", one("policy/x.go", "package policy",
			"import (",
			"	\"fmt\"",
			"	clock \"time\"",
			")",
			"var now = clock.Now",
			"func f(t clock.Time) { fmt.Println(clock.Since(t)); println(); <-clock.After(1) }",
		), []string{"policy/x.go:6 time.Now", "policy/x.go:7 fmt.Println", "policy/x.go:7 time.Since", "policy/x.go:7 print", "policy/x.go:7 time.After"}},
		{"pure-calls", "what only looks so", map[string]string{
			"policy/x.go":      "package policy\nimport \"time\"\ntype c struct{ Now func() time.Time }\nfunc f(time c) any { return time.Now() }\nfunc g() time.Duration { return time.Second }",
			"policy/x_test.go": "package policy\nimport \"time\"\nvar now = time.Now()",
		}, nil},

		{"pure-goroutines", "beside the one order", one("internal/incident/x.go", "package incident",
			"func f() {",
			"	go f()",
			"	done := make(chan bool)",
			"	select { case <-done: }",
			"}",
		), []string{"internal/incident/x.go:3 goroutine", "internal/incident/x.go:4 channel", "internal/incident/x.go:5 select"}},

		{"pure-variables", "no tables", one("events/x.go", "package events",
			"import \"errors\"",
			"var errA = errors.New(\"a\")",
			"var table = []string{\"a\"}",
			"var double = func(n int) int { return 2 * n }",
			"var _ error = errA",
			"var cache map[string]int",
			"var made = make(map[string]int)",
			"var one, two = 1, made",
		), []string{"events/x.go:7 cache", "events/x.go:8 made", "events/x.go:9 two"}},
	}
}
