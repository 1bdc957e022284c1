package duty

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// fixed is a roster that is always the same.
type fixed []string

func (f fixed) OnCall(time.Time) []string { return f }

// said is a source that says what a test wants.
type said struct {
	mu   sync.Mutex
	raw  string
	err  error
	asks int
}

func (s *said) say(raw string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raw, s.err = raw, err
}

// source parses names with spaces between them; "bad" is none.
func (s *said) source(name string) Source {
	return Source{
		Name: name, Every: time.Minute,
		Read: func(context.Context) ([]byte, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.asks++
			return []byte(s.raw), s.err
		},
		Parse: func(raw []byte, _ time.Time) (Roster, error) {
			if string(raw) == "bad" {
				return nil, errors.New("line 3: bad")
			}
			return fixed(strings.Fields(string(raw))), nil
		},
	}
}

// ages is detour_on_call_age_seconds by source.
func ages(t *testing.T, r *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			by[f.GetName()+" "+m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
		}
	}
	return by
}

// TestKeeper: what changes is taken, what is bad is not, and that is said once, until it is good again.
func TestKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &said{raw: "ines marc"}, &said{raw: "bad"}
		core, logs := observer.New(zapcore.InfoLevel)
		registry := prometheus.NewRegistry()
		k := NewKeeper([]Source{first.source("rota"), second.source("calendar")}, time.Now, zap.New(core), registry)
		if got := k.OnCall(time.Now()); got != nil {
			t.Errorf("before anything was read: %v", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = k.Run(ctx) })
		check := func(when string, want []string, trouble string, age map[string]float64) {
			t.Helper()
			synctest.Wait()
			if diff := cmp.Diff(want, k.OnCall(time.Now())); diff != "" {
				t.Errorf("%s: on call (-want +got):\n%s", when, diff)
			}
			if got := k.Trouble(); got != trouble {
				t.Errorf("%s: %q, want %q", when, got, trouble)
			}
			if diff := cmp.Diff(age, ages(t, registry)); diff != "" {
				t.Errorf("%s: age (-want +got):\n%s", when, diff)
			}
		}
		const a, b = "detour_on_call_age_seconds rota", "detour_on_call_age_seconds calendar"
		pass := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
		check("at first", []string{"ines", "marc"}, "calendar could not be read so far", map[string]float64{a: 0, b: math.Inf(1)})
		second.say("olga ines", nil)
		pass(time.Minute)
		check("mended", []string{"ines", "marc", "olga"}, "", map[string]float64{a: 0, b: 0})
		first.say("bad", nil)
		second.say("", errors.New("no route to host"))
		pass(2*time.Minute + time.Second)
		check("both bad", []string{"ines", "marc", "olga"}, "rota was last read at 00:01:00 UTC on 1 Jan; calendar was last read at 00:01:00 UTC on 1 Jan", map[string]float64{a: 121, b: 121})
		first.say("vera", nil)
		pass(time.Minute)
		check("one is good again", []string{"vera", "olga", "ines"}, "calendar was last read at 00:01:00 UTC on 1 Jan", map[string]float64{a: 1, b: 181})
		var told []string
		for _, e := range logs.All() {
			told = append(told, e.Level.String()+" "+e.ContextMap()["source"].(string))
		}
		want := []string{"error calendar", "info calendar", "error calendar", "error rota", "info rota", "info rota"}
		slices.Sort(want)
		slices.Sort(told) // the sources are read side by side
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("logged (-want +got):\n%s", diff)
		}
		cancel()
		running.Wait()
	})
}

// TestNobody: without a keeper nobody is on call, and nothing is wrong.
func TestNobody(t *testing.T) {
	var k *Keeper
	if k.OnCall(time.Now()) != nil || k.Trouble() != "" {
		t.Errorf("%v %q", k.OnCall(time.Now()), k.Trouble())
	}
}

// TestParsedAnew: a calendar that stays as it is is parsed anew in time, since it looks ahead only so far.
func TestParsedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parsed := 0
		s := (&said{raw: "ines"}).source("calendar")
		s.Parse = func([]byte, time.Time) (Roster, error) { parsed++; return fixed{"ines"}, nil }
		k := NewKeeper([]Source{s}, time.Now, zap.NewNop(), prometheus.NewRegistry())
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = k.Run(ctx) })
		time.Sleep(10*time.Hour + time.Second)
		synctest.Wait()
		if parsed != 11 {
			t.Errorf("parsed %d times in 10 hours, want once and every hour", parsed)
		}
		cancel()
		running.Wait()
	})
}

func names() ([]string, error) { return everybody, nil }

// TestFiles reads a rota and a calendar from files.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	r := RotaFile("rota", write("rota.yaml", rotaFile), names)
	c := CalendarFile("calendar", write("a.ics", string(calendarOf("SUMMARY:olga\nDTSTART:20261118T100000Z\nDTEND:20261118T140000Z"))), names)
	for _, want := range []struct {
		source Source
		names  string
	}{{r, "marc"}, {c, "olga"}} {
		raw, err := want.source.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		roster, err := want.source.Parse(raw, calendarNow)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(roster.OnCall(calendarNow), " "); got == "" || !strings.Contains(got, want.names) && want.source.Name == "calendar" {
			t.Errorf("%s: %q, want %q", want.source.Name, got, want.names)
		}
	}
	write("a.ics", strings.Repeat("x", MaxCalendar+1))
	if _, err := c.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("too large: %v", err)
	}
	unknown := RotaFile("rota", filepath.Join(dir, "rota.yaml"), func() ([]string, error) { return nil, errors.New("people.yaml: bad") })
	if _, err := unknown.Parse([]byte(rotaFile), calendarNow); err == nil || !strings.Contains(err.Error(), "people.yaml") {
		t.Errorf("without a table of people: %v", err)
	}
}

// TestURL fetches a calendar from servers that behave and others that do not. No error shows the address.
func TestURL(t *testing.T) {
	good := calendarOf("SUMMARY:olga\nDTSTART:20261118T100000Z\nDTEND:20261118T140000Z")
	mux := http.NewServeMux()
	mux.HandleFunc("/good-secret", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(good) })
	mux.HandleFunc("/gone-secret", http.NotFound)
	mux.HandleFunc("/long-secret", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2*MaxCalendar)) })
	mux.Handle("/moved-secret", http.RedirectHandler("/good-secret", http.StatusFound))
	mux.Handle("/round-secret", http.RedirectHandler("/round-secret", http.StatusFound))
	mux.Handle("/away-secret", http.RedirectHandler("ftp://example.org/secret", http.StatusFound))
	mux.HandleFunc("/cut-secret", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write(good[:100])
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	for path, want := range map[string]string{
		"/good-secret": "", "/moved-secret": "", "/gone-secret": "404 Not Found", "/long-secret": "more than 1048576 bytes", "/round-secret": "it leads elsewhere too often",
		"/away-secret": "out of https", "/cut-secret": "unexpected EOF",
	} {
		raw, err := CalendarURL("calendar", server.URL+path, names).Read(t.Context())
		switch {
		case want == "" && (err != nil || string(raw) != string(good)):
			t.Errorf("%s: %d bytes, %v", path, len(raw), err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: err = %v, want %q", path, err, want)
		case err != nil && strings.Contains(err.Error(), "secret"):
			t.Errorf("%s: the address is shown: %v", path, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, address := range []string{"http://127.0.0.1:1/secret", "://secret", server.URL + "/good-secret"} {
		if _, err := CalendarURL("calendar", address, names).Read(ctx); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: err = %v", address, err)
		}
	}
}
