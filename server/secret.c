#include "server/secret.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char secret_key[] = "admin.token_file";

static enum status check_file(int fd, const char *path, struct diag *reterr)
{
    struct stat state;
    if (fstat(fd, &state) != 0)
        return diag_errno(reterr, path, "stat");
    if (!S_ISREG(state.st_mode))
        return diag_at_path(reterr, STATUS_CONFIG, secret_key, "%s is no regular file", path);
    if (state.st_uid != 0 && state.st_uid != geteuid())
        return diag_at_path(reterr, STATUS_CONFIG, secret_key, "%s belongs to another user", path);
    if ((state.st_mode & 077) != 0)
        return diag_at_path(reterr, STATUS_CONFIG, secret_key,
                            "%s may be used by others; chmod 600 it", path);
    return STATUS_OK;
}

static enum status take(const struct file_bytes *bytes, const char *path, struct secret *ret_secret,
                        struct diag *reterr)
{
    size_t size = bytes->size;
    while (size > 0 && (bytes->data[size - 1] == '\n' || bytes->data[size - 1] == '\r'))
        size--;
    if (size < SECRET_LEAST_BYTES || size > SECRET_MOST_BYTES)
        return diag_at_path(reterr, STATUS_CONFIG, secret_key,
                            "%s has %zu bytes, expected %d to %d", path, size, SECRET_LEAST_BYTES,
                            SECRET_MOST_BYTES);
    // A header brings no others, and none at the ends.
    for (size_t i = 0; i < size; i++)
        if (bytes->data[i] < ' ' || bytes->data[i] > '~' ||
            (bytes->data[i] == ' ' && (i == 0 || i + 1 == size)))
            return diag_at_path(reterr, STATUS_CONFIG, secret_key,
                                "byte %zu of %s cannot stand in a header", i + 1, path);
    digest_hex_of(bytes->data, size, ret_secret->digest);
    return STATUS_OK;
}

enum status secret_load(const char *path, struct secret *ret_secret, struct diag *reterr)
{
    if (path[0] == '\0')
        return diag_at_path(reterr, STATUS_CONFIG, secret_key, "admin.port needs one");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return diag_at_path(reterr, STATUS_CONFIG, secret_key, "%s: %s", path, strerror(errno));
    struct file_bytes bytes = {0};
    enum status code = check_file(fd, path, reterr);
    if (code == STATUS_OK)
        code = file_read_fd(fd, path, SECRET_MOST_BYTES + 2, 0, &bytes, reterr);
    close(fd);
    if (code == STATUS_TOO_LARGE)
        return diag_at_path(reterr, STATUS_CONFIG, secret_key, "%s has more than %d bytes", path,
                            SECRET_MOST_BYTES);
    if (code != STATUS_OK)
        return code;
    code = take(&bytes, path, ret_secret, reterr);
    explicit_bzero(bytes.data, bytes.size);
    file_free(&bytes);
    return code;
}

// Digests tell nothing of the token, however the comparison goes; that it is constant is for who
// reads this.
bool secret_matches(const struct secret *secret, struct span token)
{
    char digest[DIGEST_HEX + 1];
    unsigned different = 0;
    digest_hex_of(token.data, token.size, digest);
    for (size_t i = 0; i < DIGEST_HEX; i++)
        different |= (unsigned)(digest[i] ^ secret->digest[i]);
    return different == 0;
}

void secret_fini(struct secret *secret)
{
    explicit_bzero(secret, sizeof(*secret));
}
