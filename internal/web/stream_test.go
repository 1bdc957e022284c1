package web_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/webtest"
)

// plan is the digest of the plan that is asked about.
func plan(t *testing.T, s *server) (digest events.Digest) {
	t.Helper()
	s.View(func(b *incident.Board) {
		i, ok := b.Incident(webtest.Asking)
		if !ok {
			t.Fatal("nothing is asked about")
		}
		digest = i.Plan.Digest
	})
	return digest
}

// reader reads a stream's events.
type reader struct {
	t     *testing.T
	lines *bufio.Reader
	end   func()
}

// message is one event, or a comment.
type message struct{ id, name, data, comment string }

// open opens a stream that ends with the test.
func open(t *testing.T, s *server, path, caller string, headers ...string) *reader {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+caller+"-secret")
	for n := 0; n < len(headers); n += 2 {
		req.Header.Set(headers[n], headers[n+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	end := func() { resp.Body.Close() }
	t.Cleanup(end)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("status %d, %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	return &reader{t: t, lines: bufio.NewReader(resp.Body), end: end}
}

// next is the next message; the empty one at the end of the stream.
func (r *reader) next() (m message) {
	for {
		line, err := r.lines.ReadString('\n')
		if err != nil {
			return message{}
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "\n" && m != message{}:
			return m
		case field == "id":
			m.id = value
		case field == "event":
			m.name = value
		case field == "data":
			m.data = value
		case field == "" && value != "":
			m.comment = value
		}
	}
}

func (r *reader) change() (c api.Change) {
	r.t.Helper()
	m := r.next()
	for m.comment != "" || m.name == "beat" {
		m = r.next()
	}
	if err := json.Unmarshal([]byte(m.data), &c); err != nil || m.name != "change" {
		r.t.Fatalf("%+v: %v", m, err)
	}
	return c
}

func ids(c api.Change) (list []string) {
	for _, i := range c.Incidents {
		list = append(list, i.ID)
	}
	slices.Sort(list)
	return list
}

// A new reader is told what is open, then what changes; one that comes back is told what it missed.
func TestStream(t *testing.T) {
	s := start(t, people())
	r := open(t, s, "/api/v1/stream", "viewer")
	first := r.change()
	if want := []string{webtest.Asking, webtest.Held, webtest.Stuck, webtest.Waiting}; !slices.Equal(ids(first), want) {
		t.Fatalf("first told of %v, want what is open, %v", ids(first), want)
	}
	if len(first.Freezes) != 1 || len(first.Windows) != 1 || first.Windows[0].Scope != "device:chi" || first.Position != 15 || !first.At.Equal(webtest.Start.Add(10*time.Minute)) {
		t.Fatalf("%+v", first)
	}

	if a := s.do("POST", "/api/v1/incidents/"+webtest.Asking+"/reject", "approver", `{"reason":"no"}`); a.status != http.StatusOK {
		t.Fatalf("%s", a.body)
	}
	if c := r.change(); !slices.Equal(ids(c), []string{webtest.Asking}) || c.Position != 16 {
		t.Fatalf("told of %v at %d", ids(c), c.Position)
	}
	if a := s.do("POST", "/api/v1/freeze", "operator", `{"reason":"storm"}`); a.status != http.StatusOK {
		t.Fatalf("%s", a.body)
	}
	if c := r.change(); len(c.Freezes) != 2 || len(c.Incidents) != 0 {
		t.Fatalf("%+v", c)
	}
	s.SetStatus(func(st *api.Status) { st.Halted = "stopped by the test" })
	if c := r.change(); c.Status.Halted == "" {
		t.Fatalf("the reader was not told that the replica has halted: %+v", c)
	}

	if _, err := s.Append(webtest.Start.Add(time.Hour), events.Record{Incident: webtest.Waiting, Body: events.Closed{Outcome: events.WasCleared}}); err != nil {
		t.Fatal(err)
	}
	back := open(t, s, "/api/v1/stream", "viewer", "Last-Event-ID", "15").change()
	if want := []string{webtest.Asking, webtest.Waiting}; !slices.Equal(ids(back), want) {
		t.Fatalf("after position 15 told of %v, want %v, the ended one included", ids(back), want)
	}
}

// A stream that has nothing to say says that it is still there: the state's by a beat, which a page can hear, the ledger's by
// a comment.
func TestHeartbeat(t *testing.T) {
	s := start(t, people(), func(c *web.Config) { c.Heartbeat = 2 * time.Millisecond; c.Now = time.Now })
	for path, want := range map[string]message{"/api/v1/stream?from=16": {id: "15", name: "beat"}, "/api/v1/ledger/stream": {comment: "still here"}} {
		r := open(t, s, path, "viewer")
		m := r.next()
		for m.name == "change" {
			m = r.next()
		}
		var beat api.Change
		if err := json.Unmarshal([]byte(m.data), &beat); want.name != "" && (err != nil || beat.Position != 15 || time.Since(beat.At) > time.Hour) {
			t.Errorf("%s: the beat says %s", path, m.data)
		}
		if m.data = ""; m != want {
			t.Errorf("%s: %+v, want %+v", path, m, want)
		}
	}
}

// The ledger's stream begins where it is told to, and goes on live.
func TestLedgerStream(t *testing.T) {
	s := start(t, people())
	r := open(t, s, "/api/v1/ledger/stream?from=14", "viewer")
	late := open(t, s, "/api/v1/ledger/stream", "viewer")
	for _, want := range []string{"14", "15"} {
		if m := r.next(); m.id != want || m.name != "commit" || !strings.HasPrefix(m.data, `{"position":`+want+",") {
			t.Fatalf("%+v, want position %s", m, want)
		}
	}
	if a := s.do("DELETE", "/api/v1/freeze?scope=site:sea", "operator", ""); a.status != http.StatusOK {
		t.Fatalf("%s", a.body)
	}
	for _, r := range []*reader{r, late, open(t, s, "/api/v1/ledger/stream", "viewer", "Last-Event-ID", "15")} {
		if m := r.next(); m.id != "16" || !strings.Contains(m.data, `"thawed"`) {
			t.Fatalf("%+v, want the thaw at position 16", m)
		}
	}
}

// TestHeadOfStream: whoever asks only what a stream would be like is answered at once, and may ask more over the same connection.
func TestHeadOfStream(t *testing.T) {
	s := start(t, people())
	for path, media := range map[string]string{"stream": "text/event-stream", "ledger/stream": "text/event-stream", "ledger/export": "application/x-ndjson"} {
		ask := "HEAD /api/v1/" + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer viewer-secret\r\n\r\n"
		got := s.raw(ask + "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		head, rest, _ := strings.Cut(got, "\r\n\r\n")
		if !strings.HasPrefix(head, "HTTP/1.1 200 ") || !strings.Contains(head, "Content-Type: "+media) || !strings.Contains(rest, `"ready":true`) {
			t.Errorf("%s: %.600q", path, got)
		}
		if a := s.do("HEAD", "/api/v1/"+path, "", ""); a.status != http.StatusUnauthorized {
			t.Errorf("%s for a stranger: %d", path, a.status)
		}
	}
}

// TestStreamsOfOne: nobody follows more streams at once than one may; others do, and one that ends makes room.
func TestStreamsOfOne(t *testing.T) {
	s := start(t, people())
	first := open(t, s, "/api/v1/stream", "viewer")
	for n := 1; n < 64; n++ {
		open(t, s, []string{"/api/v1/stream", "/api/v1/ledger/stream"}[n%2], "viewer")
	}
	wantProblem(t, s.do("GET", "/api/v1/stream", "viewer", ""), http.StatusTooManyRequests, api.ProblemTooMany)
	open(t, s, "/api/v1/stream", "operator")
	if a := s.do("GET", "/api/v1/status", "viewer", ""); a.status != http.StatusOK {
		t.Errorf("who follows many streams is told %d of the status", a.status)
	}
	first.end()
	for deadline := time.Now().Add(time.Minute); s.do("GET", "/api/v1/ledger/export", "viewer", "").status != http.StatusOK; {
		if time.Now().After(deadline) {
			t.Fatal("one has ended, and there is no room for another")
		}
	}
}
