package audit

import (
	"context"
	"io"
	"os"

	"github.com/jackc/pgx/v5"
)

// BlockEntries is blockEntries.
const BlockEntries = blockEntries

// SealAndHang seals a block and never commits it. It ends with its input.
func SealAndHang(ctx context.Context, config *pgx.ConnConfig) {
	config.RuntimeParams["application_name"] = "hangs"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		panic(err)
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		panic(err)
	}
	if made, err := sealNext(ctx, tx, blockEntries); err != nil || !made {
		panic("nothing was sealed")
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // ends with whoever started this
	os.Exit(1)
}
