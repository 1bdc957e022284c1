package bounded

import "go.uber.org/zap"

// Trouble is why what a file holds is not in force, as the log was told last. The zero value is none.
type Trouble struct{ told string }

// Tell has the log say why what a file holds is not in force, nil if it is: once for each reason, and once that all is well again. The
// two messages are what it means for whoever uses the file.
func (t *Trouble) Tell(log *zap.Logger, why error, stays, well string) {
	text := ""
	if why != nil {
		text = why.Error()
	}
	switch {
	case text == t.told:
	case text == "":
		log.Info(well)
	default:
		log.Warn(stays, zap.Error(why))
	}
	t.told = text
}
