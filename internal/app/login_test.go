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

// Where people are sent by the chat is where the provider sends them, and nowhere without one.
func TestConsole(t *testing.T) {
	none := &App{cfg: &config.Config{}}
	if none.console() != "" || none.invite() != nil {
		t.Errorf("without a provider people are sent to %q", none.console())
	}
	a := &App{cfg: &config.Config{Auth: config.Auth{OIDC: &config.OIDC{RedirectURL: "https://detour.example.net" + config.CallbackPath}}}}
	if got := a.console(); got != "https://detour.example.net" || a.invite() == nil {
		t.Errorf("people are sent to %q", got)
	}
}
