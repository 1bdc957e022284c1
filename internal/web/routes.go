package web

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
)

// route is one row of the table: what is answered, to whom, and what goes in and out.
type route struct {
	method  string
	path    string // as http.ServeMux takes it
	role    Role   // "" for anyone
	streams bool   // the answer ends when the caller goes
	page    bool   // of the console, and no part of the API
	foreign bool   // of another program's making, and no part of the API
	bare    bool   // nothing fails in it once it is admitted: it tells of the process alone, or begins its answer first

	summary string
	query   []param
	body    any    // a zero value of the request's type, nil for none
	reply   any    // a zero value of the reply's type, nil when it is not JSON
	media   string // of a reply that is not JSON
	fails   []int  // with these statuses it may fail, besides those that follow from the rest of the row

	serve func(w http.ResponseWriter, r *http.Request, who events.Person) error
}

// apiRoot is where the API's paths begin.
const apiRoot = "/api/v1/"

// param is one query parameter.
type param struct{ name, kind, summary string }

func (rt route) name() string { return rt.method + " " + rt.path }

// failing is the row with statuses that it may fail with besides.
func (rt route) failing(statuses ...int) route {
	rt.fails = append(rt.fails, statuses...)
	return rt
}

// reaching is the row of something that the bus or routers must answer: that may take too long, or end with the server.
func (rt route) reaching() route {
	return rt.failing(http.StatusServiceUnavailable, http.StatusGatewayTimeout)
}

// statuses are those of the problems that the route may answer with.
func (rt route) statuses() []int {
	list := slices.Clone(rt.fails)
	if strings.HasPrefix(rt.path, apiRoot) {
		list = append(list, http.StatusBadRequest) // a parameter that it does not know
	}
	if rt.role != "" {
		list = append(list, http.StatusUnauthorized, http.StatusTooManyRequests)
	}
	if alters(rt.method) {
		list = append(list, http.StatusForbidden) // the role is missing, or another site's page asks
	}
	if rt.body != nil {
		list = append(list, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if !rt.bare {
		list = append(list, http.StatusInternalServerError)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Bounds on lists.
const (
	defaultLimit = 200
	maxLimit     = 1000
)

var (
	limitParam = param{"limit", "integer", fmt.Sprintf("at most so many, %d if not given, %d at most", defaultLimit, maxLimit)}
	fromParam  = param{"from", "integer", "from this position on, which counts from 1"}
	toParam    = param{"to", "integer", "up to this position"}
	sinceParam = param{"since", "string", fmt.Sprintf("how long ago, as 8h, or a time of RFC 3339; %s ago if not given, %s at most", defaultSince, maxSince)}
	scopeParam = param{"scope", "string", "\"network\", or KIND:NAME; the network if not given"}
)

// table is every route.
func (s *Server) table() []route {
	rows := slices.Concat(s.reading(), s.ordering(), s.recording(), s.pages(), s.called())
	return append(rows,
		route{method: "GET", path: "/metrics", bare: true, media: "text/plain", summary: "Metrics for Prometheus", serve: plain(promhttp.HandlerFor(s.cfg.Registry, promhttp.HandlerOpts{}))},
		route{method: "GET", path: apiRoot + "login", bare: true, reply: api.Login{}, summary: "How people sign in at the console", serve: s.answer(s.showLogin)},
		route{method: "GET", path: "/livez", bare: true, reply: api.Ready{}, summary: "Whether the process answers", serve: s.live},
		route{method: "GET", path: "/readyz", reply: api.Ready{}, summary: "Whether this replica decides and acts; 503 when not", serve: s.ready},
		route{method: "GET", path: apiRoot + "openapi.json", bare: true, reply: map[string]any{}, summary: "This API", serve: s.answer(s.openapi)},
	)
}

func (s *Server) reading() []route {
	get := func(path, summary string, reply any, serve answerer, query ...param) route {
		return route{method: "GET", path: apiRoot + path, role: Viewer, summary: summary, query: query, reply: reply, serve: s.answer(serve)}
	}
	return []route{
		get("status", "How this replica is doing", api.Status{}, s.status),
		get("incidents", "Incidents: the open ones, most severe first, then the ended ones, newest first", api.Incidents{}, s.incidents,
			param{"phase", "string", "only those in this phase; may be repeated"}, param{"open", "boolean", "only those that have not ended, or only those that have"},
			param{"skip", "integer", "leave out so many before the first"}, limitParam),
		get("incidents/{id}", "One incident, whole", api.Incident{}, s.incident).failing(http.StatusNotFound),
		get("incidents/{id}/why", "Why an incident stands where it stands", api.Why{}, s.whyIncident).failing(http.StatusNotFound),
		get("incidents/{id}/records", "What the ledger says of an incident", api.History{}, s.history, limitParam).failing(http.StatusNotFound).reaching(),
		get("events/{event}/why", "What became of an event, by its CloudEvents id", api.Why{}, s.whyEvent).failing(http.StatusNotFound),
		get("decisions", "The newest verdict of the policy on each incident", api.Decisions{}, s.decisions, limitParam),
		get("handover", "What those who come on duty must know: what stands, waits and is asked, and what was refused or expired since", incident.Handover{}, s.handover, sinceParam),
		get("drains", "Every drain in force, Detour's and others'", api.Drains{}, s.drains),
		get("freeze", "The freezes in force, each with what waits and what has expired meanwhile", api.Freezes{}, s.freezes),
		get("maintenance", "The maintenance windows in force that people began", api.Windows{}, s.windows),
		get("policy", "The policy that each replica last said that it decides by", api.Policies{}, s.policies),
		get("policy/rules", "What each rule has done lately", api.Rules{}, s.rules, param{"days", "integer", fmt.Sprintf("how far back, %d if not given, %d at most", defaultDays, maxDays)}),
		get("routers", "The inventory", api.Routers{}, s.routers),
		get("topology", "The network as configured", api.Topology{}, s.topology),
		get("map", "How the links stand now", api.Map{}, s.chart),
		get("links", "Which accounts of chats are which people", api.Links{}, s.links),
		get("session", "Who calls, and their session at the console", api.Session{}, s.showSession),
		{method: "GET", path: apiRoot + "stream", role: Viewer, streams: true, bare: true, media: "text/event-stream", serve: s.stream,
			summary: "Changes as they happen; Last-Event-ID is the position that the reader knows", query: []param{fromParam}},
	}
}

func (s *Server) ordering() []route {
	order := func(method, path string, role Role, summary string, body any, serve answerer, query ...param) route {
		return route{method: method, path: apiRoot + path, role: role, summary: summary, query: query, body: body, reply: api.Done{}, serve: s.answer(serve)}.reaching()
	}
	const unknown, refused = http.StatusNotFound, http.StatusConflict
	prove := order("POST", "routers/{name}/prove", Operator, "Find out by a canary which bars a router honours", nil, s.prove).failing(unknown)
	prove.reply = events.Proved{}
	try := order("POST", "routers/{name}/reboot-trial", Operator, "Find out what a reboot does to what is set on a router: mark a harmless leaf, or, once it was rebooted, read the mark back and take it off",
		api.TryReboot{}, s.tryReboot).failing(unknown, refused)
	try.reply = events.RebootTrial{}
	link := order("POST", "links", Viewer, "Link an account of a chat to the caller", api.NewLink{}, s.link).failing(refused)
	link.reply = api.LinkDone{}
	return []route{
		order("POST", "incidents/{id}/approve", Approver, "Approve exactly one plan", api.Approve{}, s.approve).failing(unknown, refused),
		order("POST", "incidents/{id}/reject", Approver, "Reject the plan that is asked about", api.Reject{}, s.reject).failing(unknown, refused),
		order("POST", "incidents/{id}/abort", Operator, "Stop an incident and take back what was applied", api.Abort{}, s.abort).failing(unknown, refused),
		order("POST", "incidents/{id}/undrain", Operator, "Take a standing mitigation back", api.Undrain{}, s.undrain).failing(unknown, refused),
		order("POST", "freeze", Operator, "Stop every act that adds risk", api.NewFreeze{}, s.freeze).failing(unknown, refused),
		order("DELETE", "freeze", Operator, "Thaw: end the freeze of exactly one scope", nil, s.thaw, scopeParam).failing(unknown),
		order("POST", "maintenance", Operator, "Open a window in which plans are dry-run", api.NewWindow{}, s.beginMaintenance).failing(unknown, refused),
		order("DELETE", "maintenance/{id}", Operator, "Close a window before its time", nil, s.endMaintenance).failing(unknown),
		prove,
		try,
		link,
		order("DELETE", "links/{chat}/{team}/{account}", Viewer, "Take back the link of an account to the caller, or, for an admin, to anybody", nil, s.unlink).failing(unknown),
		{method: "POST", path: apiRoot + "session", body: api.SignIn{}, reply: api.Session{}, serve: s.signIn, summary: "Sign in: begin a session, which is answered with a cookie",
			fails: []int{http.StatusUnauthorized, http.StatusTooManyRequests}},
		route{method: "DELETE", path: apiRoot + "session", role: Viewer, reply: api.Session{}, serve: s.signOut, summary: "Sign out: end the session",
			query: []param{{"everywhere", "boolean", "end all of the caller's sessions"}, {"person", "string", "end all of this person's, which takes an admin"}}}.reaching(),
	}
}

func (s *Server) recording() []route {
	rows := []route{
		{method: "GET", path: apiRoot + "ledger", role: Viewer, summary: "A part of the ledger; without from, its newest commits", reply: api.Ledger{},
			query: []param{fromParam, limitParam}, serve: s.answer(s.ledger)},
		{method: "GET", path: apiRoot + "ledger/search", role: Viewer, summary: "Records that say something, the newest first", reply: api.Hits{},
			query: []param{{"text", "string", "that have this in them, in any case"}, {"kind", "string", "only of this kind; may be repeated"},
				{"incident", "string", "only of this incident"}, {"before", "integer", "only before this position"}, limitParam}, serve: s.answer(s.search)},
		{method: "GET", path: apiRoot + "ledger/export", role: Viewer, streams: true, media: "application/x-ndjson", serve: s.export,
			summary: "The ledger as it lies on the stream, one commit a line, up to where it ends now", query: []param{fromParam, toParam}},
		{method: "GET", path: apiRoot + "ledger/stream", role: Viewer, streams: true, media: "text/event-stream", serve: s.tail,
			summary: "The ledger's commits as they are written; from, or Last-Event-ID, says from where", query: []param{fromParam}},
		{method: "GET", path: apiRoot + "ledger/compare", role: Viewer, summary: "The routers against the Board, read now", reply: api.Comparison{}, serve: s.answer(s.compare)},
	}
	for n := range rows {
		rows[n] = rows[n].reaching()
	}
	return rows
}

// called are the callbacks.
func (s *Server) called() (rows []route) {
	for _, path := range slices.Sorted(maps.Keys(s.cfg.Callbacks)) {
		rows = append(rows, route{method: "POST", path: path, foreign: true, summary: "A callback", serve: plain(s.cfg.Callbacks[path])})
	}
	return rows
}

// answerer answers with a value that is sent as JSON.
type answerer func(r *http.Request, who events.Person) (any, error)

func (s *Server) answer(f answerer) func(http.ResponseWriter, *http.Request, events.Person) error {
	return func(w http.ResponseWriter, r *http.Request, who events.Person) error {
		v, err := f(r, who)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, v)
	}
}

func plain(h http.Handler) func(http.ResponseWriter, *http.Request, events.Person) error {
	return func(w http.ResponseWriter, r *http.Request, _ events.Person) error {
		h.ServeHTTP(w, r)
		return nil
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, err = w.Write(append(body, '\n'))
	if err != nil {
		return fmt.Errorf("send the answer: %w", err)
	}
	return nil
}

// readJSON reads exactly one JSON value with no fields but those of into.
func readJSON(r *http.Request, into any) error {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		p := invalid(fmt.Sprintf("Content-Type is %q", r.Header.Get("Content-Type")), "send application/json")
		p.Status = http.StatusUnsupportedMediaType
		return p
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, err = d.Token(); err == io.EOF {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("more than one JSON value")
		}
	}
	if p := problemOf(err); p.Status == http.StatusRequestEntityTooLarge {
		return p
	}
	return invalid("the body is not what this takes: "+err.Error(), "GET /api/v1/openapi.json describes it")
}

// ask reads the query's parameters; one that the route does not know is an error, so that a misspelt filter is not
// silently no filter.
func ask(r *http.Request, known ...string) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, invalid("the query cannot be read: "+err.Error(), "escape it")
	}
	for name := range q {
		if !slices.Contains(known, name) {
			return nil, invalid(fmt.Sprintf("query parameter %q is not known", name), fmt.Sprintf("this takes %q", known))
		}
	}
	return q, nil
}

// limitOf reads the limit.
func limitOf(q url.Values) (int, error) {
	if !q.Has("limit") {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(q.Get("limit"))
	if err != nil || n < 1 || n > maxLimit {
		return 0, invalid(fmt.Sprintf("limit is %q", q.Get("limit")), fmt.Sprintf("give a number from 1 to %d", maxLimit))
	}
	return n, nil
}

// skipOf reads how many rows are left out before the first.
func skipOf(q url.Values) (int, error) {
	if !q.Has("skip") {
		return 0, nil
	}
	n, err := strconv.Atoi(q.Get("skip"))
	if err != nil || n < 0 {
		return 0, invalid(fmt.Sprintf("skip is %q", q.Get("skip")), "give a number from 0 on")
	}
	return n, nil
}

// positionOf reads a position; missing is what it is when not given.
func positionOf(q url.Values, name string, missing uint64) (uint64, error) {
	if !q.Has(name) {
		return missing, nil
	}
	n, err := strconv.ParseUint(q.Get(name), 10, 64)
	if err != nil || n == 0 {
		return 0, invalid(fmt.Sprintf("%s is %q", name, q.Get(name)), "give a position; positions count from 1")
	}
	return n, nil
}

// view reads something from the Board.
func view[T any](s *Server, f func(*incident.Board) T) T {
	var v T
	s.cfg.Board.View(func(b *incident.Board) { v = f(b) })
	return v
}
