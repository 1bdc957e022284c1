// Package pagerduty sends notices to PagerDuty, by its Events API v2.
//
// An incident is one alert there: the deduplication key is the incident's, so whatever is sent twice is taken once. An alert
// that was acknowledged calls nobody again, whatever is triggered for it. So when an incident wants people for another reason
// than before, what was triggered for that is resolved first, and PagerDuty calls anew.
package pagerduty

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/detour-net/detour/internal/chatops/clean"
	"github.com/detour-net/detour/internal/notify"
)

// Address is where PagerDuty takes events.
const Address = "https://events.pagerduty.com/v2/enqueue"

// within bounds one request; a notice takes up to two.
const within = 3 * time.Second

// Channel is a notify.Channel.
type Channel struct {
	address string
	key     string
	client  *http.Client
}

// New returns a channel to an address, by the integration key of a service.
func New(address, key string) *Channel {
	return &Channel{address: address, key: key, client: notify.Client(within)}
}

// event is what the API takes.
type event struct {
	Key     string   `json:"routing_key"`
	Action  string   `json:"event_action"`
	Dedup   string   `json:"dedup_key"`
	Client  string   `json:"client,omitempty"`
	URL     string   `json:"client_url,omitempty"`
	Links   []link   `json:"links,omitempty"`
	Payload *payload `json:"payload,omitempty"`
}

type link struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

type payload struct {
	Summary   string         `json:"summary"`
	Source    string         `json:"source"`
	Severity  string         `json:"severity"`
	Timestamp time.Time      `json:"timestamp"`
	Component string         `json:"component,omitempty"`
	Class     string         `json:"class,omitempty"`
	Details   map[string]any `json:"custom_details,omitempty"`
}

// The API's limits, in characters.
const (
	maxKey     = 255
	maxSummary = 1024
)

// Send is notify.Channel's.
func (c *Channel) Send(ctx context.Context, n notify.Notice) error {
	if n.Anew {
		if err := c.enqueue(ctx, n, notify.Resolve); err != nil {
			return err
		}
	}
	return c.enqueue(ctx, n, n.Action)
}

func (c *Channel) enqueue(ctx context.Context, n notify.Notice, action notify.Action) error {
	e := event{Key: c.key, Action: string(action), Dedup: dedup(n.Key)}
	if action == notify.Trigger {
		e.Client, e.URL, e.Links = "Detour", n.Link, []link{{Href: n.Link, Text: n.Incident + " at the console"}}
		e.Payload = &payload{
			Summary: clean.Cut(n.Summary, maxSummary), Source: n.Source, Severity: string(n.Severity), Timestamp: n.At.UTC(), Component: n.Source, Class: n.Symptom,
			Details: details(n),
		}
	}
	return notify.Post(ctx, c.client, c.address, e)
}

// dedup is the key by which PagerDuty knows an alert. Of one that is too long it is the beginning and its digest: no two are alike.
func dedup(key string) string {
	if utf8.RuneCountInString(key) <= maxKey {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	digest := hex.EncodeToString(sum[:16])
	return clean.Cut(key, maxKey-len(digest)) + digest
}

// details are what people read beside the summary; lines of one name are a list.
func details(n notify.Notice) map[string]any {
	by := map[string]any{"situation": string(n.Situation)}
	for _, d := range n.Details {
		switch before := by[d.Name].(type) {
		case string:
			by[d.Name] = []string{before, d.Text}
		case []string:
			by[d.Name] = append(before, d.Text)
		default:
			by[d.Name] = d.Text
		}
	}
	return by
}
