package house_test

func globalBreaches() []breach {
	return []breach{
		{"init", "in code and in tests", map[string]string{
			"events/x.go":      "package events\nfunc init() {}\ntype T int\nfunc (T) init() {}",
			"events/x_test.go": "package events\nfunc init() {}",
		}, []string{"events/x.go:2 func init", "events/x_test.go:2 func init"}},

		{"registration", "lists of the process", one("internal/web/x.go", "package web",
			"import (",
			"	\"flag\"",
			"	\"net/http\"",
			"	\"github.com/prometheus/client_golang/prometheus\"",
			")",
			"var _ = register(1)",
			"var _ error = fault(1)",
			"func register(int) int { prometheus.MustRegister(nil); http.Handle(\"/\", nil); flag.Parse(); return 0 }",
			"func f(r prometheus.Registerer, mux *http.ServeMux) { r.MustRegister(nil); mux.Handle(\"/\", nil) }",
		), []string{"internal/web/x.go:9 prometheus.MustRegister", "internal/web/x.go:9 net/http.Handle", "internal/web/x.go:9 flag.Parse", "internal/web/x.go:7 side effect"}},

		{"package-state", "every way to write", map[string]string{
			"internal/bus/a.go": "package bus\nvar count int\nvar seen = map[string]int{}\nvar at struct{ n []int }\nvar p = &count\n",
			"internal/bus/b.go": "package bus\nimport \"example.org/other\"\n" +
				"func f(more []int) {\n" +
				"	count = 1\n" +
				"	seen[\"a\"]++\n" +
				"	(at.n)[0] = 2\n" +
				"	*p = 3\n" +
				"	delete(seen, \"a\")\n" +
				"	clear(seen)\n" +
				"	for count = range more {\n	}\n" +
				"	other.Default = nil\n" +
				"}\n",
		}, []string{
			"internal/bus/b.go:4 count", "internal/bus/b.go:5 seen", "internal/bus/b.go:6 at", "internal/bus/b.go:7 p", "internal/bus/b.go:8 seen",
			"internal/bus/b.go:9 seen", "internal/bus/b.go:10 count", "internal/bus/b.go:12 Default",
		}},
		{"package-state", "what hides one, and tests", map[string]string{
			"internal/bus/a.go":      "package bus\nvar count int\nfunc f(count int) { count = 1; { count := 2; count++ } }\nfunc g() int { return count }",
			"internal/bus/a_test.go": "package bus\nfunc h() { count = 1 }",
		}, nil},

		{"loggers", "of nobody", one("internal/bus/x.go", "package bus",
			"import (",
			"	\"log\"",
			"	\"log/slog\"",
			"	\"go.uber.org/zap\"",
			")",
			"func f(own *zap.Logger) { log.Print(); slog.Info(\"\"); own.Info(\"\"); zap.L().Info(\"\"); zap.S(); zap.ReplaceGlobals(own) }",
		), []string{"internal/bus/x.go:3 log", "internal/bus/x.go:4 log/slog", "internal/bus/x.go:7 zap.L", "internal/bus/x.go:7 zap.S", "internal/bus/x.go:7 zap.ReplaceGlobals"}},
	}
}

func effectBreaches() []breach {
	client := "package x\nimport gpb \"github.com/openconfig/gnmi/proto/gnmi\"\nfunc f() { gpb.NewGNMIClient(nil).Set(nil, &gpb.SetRequest{}) }"
	return []breach{
		{"sets", "a second writer", map[string]string{
			"internal/app/x.go":           client,
			"internal/device/x.go":        client,
			"internal/backbone/x.go":      "package backbone\nimport \"github.com/openconfig/gnmi/proto/gnmi\"\nvar own = &gnmi.SetRequest{}",
			"internal/backbone/x_test.go": client,
			"internal/demo/x.go":          "package demo\nimport \"github.com/openconfig/gnmi/proto/gnmi\"\ntype T struct{ c gnmi.GNMIClient }",
		}, []string{"internal/app/x.go:3 NewGNMIClient", "internal/app/x.go:3 SetRequest", "internal/demo/x.go:3 GNMIClient"}},

		{"error-text", "decided by words", map[string]string{
			"internal/device/x.go": "package device\nimport \"strings\"\n" +
				"func f(err, last error) string {\n" +
				"	_ = strings.Contains(err.Error(), \"refused\")\n" +
				"	_ = err.Error() == \"EOF\"\n" +
				"	switch err.Error() { case \"EOF\": }\n" +
				"	_ = err.Error() == last.Error()\n" +
				"	return strings.TrimSpace(err.Error())\n" +
				"}\n",
			"internal/device/x_test.go": "package device\nimport \"strings\"\nfunc g(err error) bool { return strings.Contains(err.Error(), \"den\") }",
		}, []string{"internal/device/x.go:4 text", "internal/device/x.go:5 text", "internal/device/x.go:6 text"}},

		{"panics", "instead of an error", map[string]string{
			"internal/bus/x.go": "package bus\nimport \"net/http\"\ntype T int\nfunc (t *T) f() { panic(1) }\nvar g = func() { panic(2) }\n" +
				"func h(panic func(any)) { panic(3) }\nfunc abort() { panic(http.ErrAbortHandler) }",
			"internal/bus/x_test.go": "package bus\nfunc k() { panic(4) }",
			"events/x.go":            "package events\nfunc DigestOf() { panic(5) }",
		}, []string{"internal/bus/x.go:4 T.f", "internal/bus/x.go:5 a declaration"}},
		{"panics", "an exception without use", one("events/x.go", "package events\nfunc DigestOf() {}"),
			[]string{"events excuses nothing"}},

		{"sleep", "hoping", map[string]string{
			"internal/bus/x.go": "package bus\nimport \"time\"\nfunc f() {\n	for { time.Sleep(time.Millisecond) }\n}",
			"internal/bus/x_test.go": "package bus\nimport (\n	\"time\"\n	\"testing/synctest\"\n)\n" +
				"func g(n time.Duration, ready func() bool) {\n" +
				"	time.Sleep(time.Millisecond)\n" +
				"	for !ready() { time.Sleep(5 * time.Millisecond) }\n" +
				"	for !ready() { time.Sleep(time.Millisecond * 100) }\n" +
				"	for !ready() { time.Sleep(n * time.Millisecond) }\n" +
				"	for !ready() { time.Sleep(time.Second) }\n" +
				"	synctest.Test(nil, func() { time.Sleep(time.Hour) })\n" +
				"}",
		}, []string{"internal/bus/x.go:4 Sleep", "internal/bus/x_test.go:7 Sleep", "internal/bus/x_test.go:9 Sleep", "internal/bus/x_test.go:10 Sleep", "internal/bus/x_test.go:11 Sleep"}},
	}
}
