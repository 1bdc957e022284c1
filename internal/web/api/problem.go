package api

import "fmt"

// ContentTypeProblem is the media type of a Problem (RFC 9457, section 3).
const ContentTypeProblem = "application/problem+json"

// Problem is an RFC 9457 problem document.
type Problem struct {
	Type     string `json:"type"` // one of the Problem constants
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail,omitempty"`
	Instance string `json:"instance,omitempty"` // "urn:uuid:" and the id of the request, which the server's log carries too
	Remedy   string `json:"remedy,omitempty"`   // what the caller can do about it
}

// Error is the problem in one line.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Title
	}
	return fmt.Sprintf("%s: %s", p.Title, p.Detail)
}

// The types of problem.
const (
	ProblemInvalid      = "urn:detour:problem:invalid-request"
	ProblemUnauthorized = "urn:detour:problem:unauthorized"
	ProblemForbidden    = "urn:detour:problem:forbidden"
	ProblemSignIn       = "urn:detour:problem:sign-in-again"
	ProblemNotFound     = "urn:detour:problem:not-found"
	ProblemRefused      = "urn:detour:problem:refused"
	ProblemTooMany      = "urn:detour:problem:too-many-requests"
	ProblemTimeout      = "urn:detour:problem:timed-out"
	ProblemUnavailable  = "urn:detour:problem:unavailable"
	ProblemInternal     = "urn:detour:problem:internal"
)
