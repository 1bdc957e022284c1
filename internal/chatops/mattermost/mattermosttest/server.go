package mattermosttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// What the server knows.
const (
	Token   = "bot-token-secret"
	Command = "command-token-secret" // of the slash command /detour
	Channel = "channelnoc0000000000000000"
	Bot     = "botaccount0000000000000000"
)

// ID makes the id of an account of a short name.
func ID(name string) string { return (name + strings.Repeat("0", 26))[:26] }

// User is an account, as the API tells a bot.
type User struct {
	ID       string `json:"id"`
	Username string `json:"username"`
	Roles    string `json:"roles"`
	DeleteAt int64  `json:"delete_at"`
	IsBot    bool   `json:"is_bot"`
	RemoteID string `json:"remote_id,omitempty"`
}

// Message is what stands in the channel, or was said to one account alone.
type Message struct {
	ID        string `json:"id"`
	ChannelID string `json:"channel_id"`
	RootID    string `json:"root_id"`
	UserID    string `json:"user_id"`
	DeleteAt  int64  `json:"delete_at"`
	Text      string `json:"message"`
	Props     Props  `json:"props"`
	Edits     int    `json:"-"` // how often it was changed
	OnlyFor   string `json:"-"` // the account that alone sees it
}

// Server is a server with one team and one channel, in which the bot is.
type Server struct {
	http *httptest.Server

	mu       sync.Mutex
	key      *ecdsa.PrivateKey
	messages []Message
	users    map[string]User
	direct   map[string]string // channel: the account that talks with the bot there
	dialogs  []Dialog
	calls    map[string]int
	trouble  map[string][]Trouble
	ids      int
}

// New starts a server that ends with the test. Its channel is empty.
func New(t testing.TB) *Server {
	s := &Server{users: map[string]User{}, direct: map[string]string{}, calls: map[string]int{}, trouble: map[string][]Trouble{}}
	s.NewKey()
	s.users[Bot] = User{ID: Bot, Username: "detour", Roles: "system_user", IsBot: true}
	s.http = httptest.NewServer(s)
	t.Cleanup(s.http.Close)
	return s
}

// URL is what clients take for the server.
func (s *Server) URL() string { return s.http.URL }

// NewKey gives the server another key to sign trigger ids with.
func (s *Server) NewKey() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = key
}

// Join adds accounts by their short names, or changes them: full members, unless as changes that.
func (s *Server) Join(as func(*User), names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		u := User{ID: ID(name), Username: name, Roles: "system_user"}
		if as != nil {
			as(&u)
		}
		s.users[ID(name)] = u
	}
}

// Trouble is what befalls one request.
type Trouble struct {
	RetryAfter time.Duration // answered with 429
	Status     int           // answered with this status
	Lost       bool          // the connection is cut before anything is done
	Unheard    bool          // it is done, and the connection is cut before the answer
}

// Trouble lets the next requests to a route, "POST /posts" for one, each meet one trouble.
func (s *Server) Trouble(route string, list ...Trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble[route] = append(s.trouble[route], list...)
}

// Mend takes away what trouble is left.
func (s *Server) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.trouble)
}

// Calls counts the requests to a route that were carried out.
func (s *Server) Calls(route string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[route]
}

// Messages returns everything that was said, in the order of posting, but for what was deleted.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.messages), func(m Message) bool { return m.DeleteAt != 0 })
}

// Threads returns the messages of the channel that are no replies and that everybody sees.
func (s *Server) Threads() []Message {
	return slices.DeleteFunc(s.Messages(), func(m Message) bool { return m.RootID != "" || m.OnlyFor != "" })
}

// Whispers returns what an account of a short name alone was told, oldest first.
func (s *Server) Whispers(name string) (texts []string) {
	for _, m := range s.Messages() {
		if m.OnlyFor == ID(name) {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

// Say posts a message as an account of a short name would.
func (s *Server) Say(name, text string, props Props) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id = s.id("post")
	s.messages = append(s.messages, Message{ID: id, ChannelID: Channel, UserID: ID(name), Text: text, Props: props})
	return id
}

// Delete takes a message out of the channel, as a person could.
func (s *Server) Delete(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.find(id); m != nil {
		m.DeleteAt = time.Now().UnixMilli()
	}
}

// ServeHTTP is what clients meet.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mux := http.NewServeMux()
	for route, do := range s.routes() {
		method, path, _ := strings.Cut(route, " ")
		mux.HandleFunc(method+" /api/v4"+path, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, route, do) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, nil, &refusal{http.StatusNotFound, "api.context.404.app_error"})
	})
	mux.ServeHTTP(w, r)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, route string, do routine) {
	if r.Header.Get("Authorization") != "Bearer "+Token {
		answer(w, nil, &refusal{http.StatusUnauthorized, "api.context.session_expired.app_error"})
		return
	}
	s.mu.Lock()
	var t Trouble
	if list := s.trouble[route]; len(list) > 0 {
		t, s.trouble[route] = list[0], list[1:]
	}
	var body any
	var why *refusal
	if t.RetryAfter == 0 && t.Status == 0 && !t.Lost {
		s.calls[route]++
		body, why = do(r)
	}
	s.mu.Unlock()
	switch {
	case t.Lost, t.Unheard:
		panic(http.ErrAbortHandler)
	case t.RetryAfter > 0:
		w.Header().Set("X-Ratelimit-Limit", "100")
		w.Header().Set("X-Ratelimit-Remaining", "0")
		w.Header().Set("X-Ratelimit-Reset", "1")
		w.Header().Set("Retry-After", fmt.Sprint(int(t.RetryAfter.Seconds())))
		http.Error(w, "limit exceeded", http.StatusTooManyRequests)
	case t.Status != 0:
		http.Error(w, "trouble", t.Status)
	default:
		answer(w, body, why)
	}
}

// refusal is an answer that is no success.
type refusal struct {
	status int
	id     string
}

func answer(w http.ResponseWriter, body any, why *refusal) {
	code := http.StatusOK
	if why != nil {
		code, body = why.status, map[string]any{"id": why.id, "message": why.id, "status_code": why.status}
	}
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(raw)
}
