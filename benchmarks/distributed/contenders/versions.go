package contenders

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

// Version is that of a server.
type Version struct{ Name, Version string }

// Versions asks the servers.
func Versions(ctx context.Context, s Servers) (list []Version, err error) {
	if s.RedisEverysec != "" {
		c := redis.NewClient(&redis.Options{Addr: s.RedisEverysec})
		text, err := c.Info(ctx, "server").Result()
		if err := errors.Join(err, c.Close()); err != nil {
			return nil, fmt.Errorf("redis: %w", err)
		}
		for line := range strings.Lines(text) {
			if v, ok := strings.CutPrefix(line, "redis_version:"); ok {
				list = append(list, Version{"redis", "Redis " + strings.TrimSpace(v)})
			}
		}
	}
	if s.Postgres != "" {
		c, err := pgx.Connect(ctx, s.Postgres)
		if err != nil {
			return nil, fmt.Errorf("postgres: %w", err)
		}
		var v string
		err = c.QueryRow(ctx, "SHOW server_version").Scan(&v)
		if err := errors.Join(err, c.Close(ctx)); err != nil {
			return nil, fmt.Errorf("postgres: %w", err)
		}
		number, _, _ := strings.Cut(v, " ")
		list = append(list, Version{"postgres", "PostgreSQL " + number})
	}
	return list, nil
}
