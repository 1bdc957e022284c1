// Package postgrestest starts a real PostgreSQL server for tests, on a machine that has one installed.
package postgrestest
