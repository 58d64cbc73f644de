package dataset

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// twins is the step that the others need. Who cleans up after an import takes it away, and so ends what is left of it.
const twins = "twins"

// stepSettings make a session's transaction indifferent to what the role or the database has for others.
const stepSettings = `set local search_path = ''; set local synchronous_commit = off; set local jit = off; set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local intervalstyle = 'postgres';
	set local standard_conforming_strings = on; set local statement_timeout = 0; set local lock_timeout = 0; set local idle_in_transaction_session_timeout = '10min'`

// step does a part of the import once: that it was done is committed with it.
func (i *importing) step(ctx context.Context, name string, do func(context.Context, pgx.Tx) (rows int64, err error)) error {
	err := pgx.BeginFunc(ctx, i.Pool, func(tx pgx.Tx) error {
		// What a crash of the server takes away of this it takes with its mark: there is no need to wait for the disk.
		if _, err := tx.Exec(ctx, stepSettings); err != nil {
			return err
		}
		if name != twins {
			there := false
			if err := tx.QueryRow(ctx, `select true from august.dataset_step where load = $1 and step = $2 for key share`, i.load, twins).Scan(&there); errors.Is(err, pgx.ErrNoRows) {
				return errors.New("another import has taken this one's place")
			} else if err != nil {
				return err
			}
		}
		tag, err := tx.Exec(ctx, `insert into august.dataset_step (load, step) values ($1, $2) on conflict do nothing`, i.load, name)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		rows, err := do(ctx, tx)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update august.dataset_step set rows = $3, at = clock_timestamp() where load = $1 and step = $2`, i.load, name, rows)
		return err
	})
	return judge(name, err)
}

// judge tells data that does not fit, which it never will, from what may pass.
func judge(what string, err error) error {
	var refused *RefusedError
	if err == nil || errors.As(err, &refused) {
		return err
	}
	err = failed(what, err)
	var db *databaseError
	if errors.As(err, &db) {
		switch db.code[:min(2, len(db.code))] {
		case "21", "22", "23", "P0":
			return refuse("the export does not fit the target's tables: %s. Make another export, of a database whose own rows fit", db.text)
		}
	}
	return err
}

// quiet is a statement whose failure does not bring a row into the server's log: PL/pgSQL catches PostgreSQL's words before they
// are written anywhere, and hands on the rest. No setting of the log does that which a plain role may change.
func quiet(sql string) string {
	const tag = "$august_quiet$"
	return fmt.Sprintf(`do %[1]s declare
	code text; a text; b text; c text; d text; words text;
begin
	execute %[2]s;
exception when others then
	get stacked diagnostics code = returned_sqlstate, a = schema_name, b = table_name, c = column_name, d = constraint_name, words = message_text;
	if left(code, 2) not in ('08', '0A', '25', '28', '2B', '3D', '3F', '40', '42', '53', '55', '57') then
		words := 'data does not fit';
	end if;
	raise exception using errcode = code, message = words, schema = a, table = b, column = c, constraint = d;
end %[1]s`, tag, literal(sql))
}

// literal quotes a string, under standard_conforming_strings.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
