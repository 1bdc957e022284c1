package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
)

const root = "/api/v1/"

func get[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	return call[T](ctx, c, http.MethodGet, root+path, query, nil)
}

func post[T any](ctx context.Context, c *Client, path string, body any) (T, error) {
	return call[T](ctx, c, http.MethodPost, root+path, nil, body)
}

// Filter says which incidents are wanted; the zero Filter wants all.
type Filter struct {
	Phases []string
	Open   *bool // only those that have not ended, or only those that have
	Limit  int   // the server's default if 0
}

// Status is how the replica is doing.
func (c *Client) Status(ctx context.Context) (api.Status, error) {
	return get[api.Status](ctx, c, "status", nil)
}

// Policies lists the policy that each replica decides by.
func (c *Client) Policies(ctx context.Context) (api.Policies, error) {
	return get[api.Policies](ctx, c, "policy", nil)
}

// Incidents lists incidents.
func (c *Client) Incidents(ctx context.Context, f Filter) (api.Incidents, error) {
	q := url.Values{}
	for _, p := range f.Phases {
		q.Add("phase", p)
	}
	if f.Open != nil {
		q.Set("open", strconv.FormatBool(*f.Open))
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return get[api.Incidents](ctx, c, "incidents", q)
}

func of(id string) string { return "incidents/" + url.PathEscape(id) }

// Incident is one incident, whole.
func (c *Client) Incident(ctx context.Context, id string) (api.Incident, error) {
	return get[api.Incident](ctx, c, of(id), nil)
}

// History is what the ledger says of an incident.
func (c *Client) History(ctx context.Context, id string) (api.History, error) {
	return get[api.History](ctx, c, of(id)+"/records", nil)
}

// WhyIncident says why an incident stands where it stands.
func (c *Client) WhyIncident(ctx context.Context, id string) (api.Why, error) {
	return get[api.Why](ctx, c, of(id)+"/why", nil)
}

// WhyEvent says what became of an event.
func (c *Client) WhyEvent(ctx context.Context, event string) (api.Why, error) {
	return get[api.Why](ctx, c, "events/"+url.PathEscape(event)+"/why", nil)
}

// Decisions lists the policy's newest verdicts.
func (c *Client) Decisions(ctx context.Context) (api.Decisions, error) {
	return get[api.Decisions](ctx, c, "decisions", nil)
}

// Approve approves exactly one plan, named by its digest or at least twelve of its first hexadecimal digits.
func (c *Client) Approve(ctx context.Context, id, plan string) (api.Done, error) {
	return post[api.Done](ctx, c, of(id)+"/approve", api.Approve{Plan: plan})
}

// Reject rejects the plan that is asked about; plan may be "".
func (c *Client) Reject(ctx context.Context, id, plan, reason string) (api.Done, error) {
	return post[api.Done](ctx, c, of(id)+"/reject", api.Reject{Plan: plan, Reason: reason})
}

// Abort stops an incident.
func (c *Client) Abort(ctx context.Context, id, reason string, asIs bool) (api.Done, error) {
	return post[api.Done](ctx, c, of(id)+"/abort", api.Abort{Reason: reason, AsIs: asIs})
}

// Undrain takes a standing mitigation back.
func (c *Client) Undrain(ctx context.Context, id, reason string) (api.Done, error) {
	return post[api.Done](ctx, c, of(id)+"/undrain", api.Undrain{Reason: reason})
}

// Handover is what those who come on duty must know; since is how long ago, or a time of RFC 3339, "" for the server's default.
func (c *Client) Handover(ctx context.Context, since string) (incident.Handover, error) {
	q := url.Values{}
	if since != "" {
		q.Set("since", since)
	}
	return get[incident.Handover](ctx, c, "handover", q)
}

// Drains lists every drain in force.
func (c *Client) Drains(ctx context.Context) (api.Drains, error) {
	return get[api.Drains](ctx, c, "drains", nil)
}

// Freezes lists the freezes in force.
func (c *Client) Freezes(ctx context.Context) (api.Freezes, error) {
	return get[api.Freezes](ctx, c, "freeze", nil)
}

// Freeze stops every act that adds risk in scope.
func (c *Client) Freeze(ctx context.Context, scope, reason string) (api.Done, error) {
	return post[api.Done](ctx, c, "freeze", api.NewFreeze{Scope: scope, Reason: reason})
}

// Thaw ends the freeze of exactly scope.
func (c *Client) Thaw(ctx context.Context, scope string) (api.Done, error) {
	return call[api.Done](ctx, c, http.MethodDelete, root+"freeze", url.Values{"scope": {scope}}, nil)
}

// Windows lists the maintenance windows in force that people began.
func (c *Client) Windows(ctx context.Context) (api.Windows, error) {
	return get[api.Windows](ctx, c, "maintenance", nil)
}

// BeginMaintenance opens a window.
func (c *Client) BeginMaintenance(ctx context.Context, w api.NewWindow) (api.Done, error) {
	return post[api.Done](ctx, c, "maintenance", w)
}

// EndMaintenance closes a window before its time.
func (c *Client) EndMaintenance(ctx context.Context, window string) (api.Done, error) {
	return call[api.Done](ctx, c, http.MethodDelete, root+"maintenance/"+url.PathEscape(window), nil, nil)
}

// Routers lists the inventory.
func (c *Client) Routers(ctx context.Context) (api.Routers, error) {
	return get[api.Routers](ctx, c, "routers", nil)
}

// Prove finds out which bars a router honours.
func (c *Client) Prove(ctx context.Context, router string) (events.Proved, error) {
	return post[events.Proved](ctx, c, "routers/"+url.PathEscape(router)+"/prove", nil)
}

// TryReboot goes on with the trial of what a reboot does to what is set on a router, or takes its mark off.
func (c *Client) TryReboot(ctx context.Context, router string, t api.TryReboot) (events.RebootTrial, error) {
	return post[events.RebootTrial](ctx, c, "routers/"+url.PathEscape(router)+"/reboot-trial", t)
}

// Ledger is a part of the ledger: the newest commits if from is 0.
func (c *Client) Ledger(ctx context.Context, from uint64, limit int) (api.Ledger, error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	return get[api.Ledger](ctx, c, "ledger", positions(q, from, 0))
}

// Compare compares the routers with the Board.
func (c *Client) Compare(ctx context.Context) (api.Comparison, error) {
	return get[api.Comparison](ctx, c, "ledger/compare", nil)
}

// Export is the ledger as it lies on the stream, one commit a line; 0 leaves a bound to the server. The caller closes
// it. An export that was cut off ends in an error that is not io.EOF.
func (c *Client) Export(ctx context.Context, from, to uint64) (io.ReadCloser, error) {
	resp, err := c.send(ctx, http.MethodGet, root+"ledger/export", positions(url.Values{}, from, to), nil, nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

func positions(q url.Values, from, to uint64) url.Values {
	if from > 0 {
		q.Set("from", strconv.FormatUint(from, 10))
	}
	if to > 0 {
		q.Set("to", strconv.FormatUint(to, 10))
	}
	return q
}
