package app

import (
	"testing"

	"github.com/detour-net/detour/internal/config"
	"github.com/detour-net/detour/internal/web"
)

// The configuration admits just the address at which the console takes people back.
func TestCallbackPath(t *testing.T) {
	if config.CallbackPath != web.CallbackPath {
		t.Errorf("the configuration wants %s, the console serves %s", config.CallbackPath, web.CallbackPath)
	}
}
