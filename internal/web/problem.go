package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
)

// problem makes a problem of one type, with its title and status.
func problem(kind, detail, remedy string) *api.Problem {
	p := &api.Problem{Type: kind, Detail: detail, Remedy: remedy}
	switch kind {
	case api.ProblemInvalid:
		p.Title, p.Status = "The request is not valid", http.StatusBadRequest
	case api.ProblemUnauthorized:
		p.Title, p.Status = "No valid token", http.StatusUnauthorized
	case api.ProblemForbidden:
		p.Title, p.Status = "Not allowed", http.StatusForbidden
	case api.ProblemSignIn:
		p.Title, p.Status = "Sign in again", http.StatusForbidden
	case api.ProblemNotFound:
		p.Title, p.Status = "Not found", http.StatusNotFound
	case api.ProblemRefused:
		p.Title, p.Status = "Refused", http.StatusConflict
	case api.ProblemTooMany:
		p.Title, p.Status = "Too many requests", http.StatusTooManyRequests
	case api.ProblemTimeout:
		p.Title, p.Status = "Timed out", http.StatusGatewayTimeout
	case api.ProblemUnavailable:
		p.Title, p.Status = "Unavailable", http.StatusServiceUnavailable
	default:
		p.Type, p.Title, p.Status = api.ProblemInternal, "Internal error", http.StatusInternalServerError
	}
	return p
}

func invalid(detail, remedy string) *api.Problem {
	return problem(api.ProblemInvalid, detail, remedy)
}

// problemOf says what an error means to the caller.
func problemOf(err error) *api.Problem {
	var p *api.Problem
	var tooLarge *http.MaxBytesError
	var none *incident.NoScope
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &tooLarge):
		p = invalid("the body is too large", "send at most 64 KiB")
		p.Status = http.StatusRequestEntityTooLarge
		return p
	case errors.As(err, &none):
		return problem(api.ProblemNotFound, err.Error(), "give one that something is in: detour routers lists devices and sites, GET "+apiRoot+"topology links and risk groups; planes, bundles and levels stand in the inventory")
	case errors.Is(err, incident.ErrNotFound):
		return problem(api.ProblemNotFound, err.Error(), "detour incidents, detour maintenance list and detour routers show what there is")
	case errors.Is(err, incident.ErrRefused):
		return problem(api.ProblemRefused, err.Error(), "look at it again: detour why says where it stands and what would change it")
	case errors.Is(err, incident.ErrUnsure):
		return problem(api.ProblemTimeout, err.Error(), "see /readyz of this replica, and at another whether the order was recorded; if it was not, give it there")
	case errors.Is(err, incident.ErrAside):
		return problem(api.ProblemUnavailable, err.Error(), "give the order to another replica; /readyz of this one says what it needs")
	case errors.Is(err, context.DeadlineExceeded):
		return problem(api.ProblemTimeout, err.Error(), "the bus may be unreachable; see /readyz, look whether the order was recorded, and try again")
	case errors.Is(err, context.Canceled):
		return problem(api.ProblemUnavailable, err.Error(), "this replica is ending: ask another")
	}
	return problem(api.ProblemInternal, err.Error(), "see this replica's log at the request named by instance")
}

// fail answers with a problem document.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	p := *problemOf(err)
	p.Instance = "urn:uuid:" + requestID(r.Context())
	h := w.Header()
	h.Set("Content-Type", api.ContentTypeProblem)
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="detour"`)
	}
	if p.Status == http.StatusTooManyRequests {
		h.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	w.WriteHeader(p.Status)
	body, _ := json.Marshal(p) // strings and a number always encode
	_, _ = w.Write(append(body, '\n'))
}
