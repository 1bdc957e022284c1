package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/client"
)

// The exit codes.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2 // usage or configuration error
	exitRefused  = 3 // refused by policy or role, frozen or unsafe
	exitNotFound = 4
	exitTimeout  = 5
)

// codedError carries the exit code that an error means.
type codedError struct {
	err  error
	code int
}

// Error is the error that it carries.
func (e *codedError) Error() string { return e.err.Error() }

// Unwrap is the error that it carries.
func (e *codedError) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return &codedError{fmt.Errorf(format, args...), exitUsage}
}

// exitCode is what an error means to the shell.
func exitCode(err error) int {
	var coded *codedError
	var p *api.Problem
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &coded):
		return coded.code
	case errors.As(err, &p):
		return problemCode(p)
	case errors.Is(err, context.DeadlineExceeded):
		return exitTimeout
	}
	return exitFailed
}

func problemCode(p *api.Problem) int {
	switch p.Type {
	case api.ProblemInvalid, api.ProblemUnauthorized:
		return exitUsage
	case api.ProblemForbidden, api.ProblemRefused:
		return exitRefused
	case api.ProblemNotFound:
		return exitNotFound
	case api.ProblemTimeout:
		return exitTimeout
	}
	return exitFailed
}

// explain says what went wrong, and what to do about it where that is known.
func explain(w io.Writer, err error) {
	_ = write(w, "detour: %v\n", harmlessError(err))
	var p *api.Problem
	remedy := ""
	switch {
	case errors.As(err, &p):
		remedy = p.Remedy
		if p.Type == api.ProblemInternal && p.Instance != "" {
			remedy += " (" + p.Instance + ")"
		}
	case errors.Is(err, client.ErrUnreachable):
		remedy = "see that detour serve runs there; --server or DETOUR_SERVER says where"
	case errors.Is(err, context.DeadlineExceeded):
		remedy = "see that what should answer is up, or give it more time with --timeout"
	}
	if remedy != "" {
		_ = write(w, "        %s\n", remedy)
	}
}
