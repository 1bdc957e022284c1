package forecast

import (
	"fmt"

	"github.com/detour-net/detour/internal/network/whatif"
)

// survive says what one failure more would do in after, against the same failure in h's network as it is.
func (h *held) survive(after layers, limits whatif.Limits) (whatif.Survival, error) {
	if err := h.prepare(); err != nil {
		return whatif.Survival{}, err
	}
	return h.survey.SurviveLayers(after, limits)
}

// present says what one failure more would do in the network as it is.
func (h *held) present(limits whatif.Limits) (whatif.Survival, error) {
	if err := h.prepare(); err != nil {
		return whatif.Survival{}, err
	}
	return h.survey.Present(limits), nil
}

// prepare makes the survey, once.
func (h *held) prepare() (err error) {
	if h.survey == nil {
		if h.survey, err = whatif.SurveyLayers(h.base, h.scenarios, surveyMemory); err != nil {
			return fmt.Errorf("survey failures: %w", err)
		}
	}
	return nil
}
