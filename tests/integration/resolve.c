/* Asks the C library's resolver: resolve NAME (addresses), resolve -s NAME (SRV records).
 * One answer a line, sorted by whoever reads; nothing when there is none. */
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int addresses(const char *name) {
    struct addrinfo wanted = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found, *one;
    int code = getaddrinfo(name, NULL, &wanted, &found);
    if (code) {
        fprintf(stderr, "%s\n", gai_strerror(code));
        return 1;
    }
    for (one = found; one; one = one->ai_next) {
        char text[INET_ADDRSTRLEN];
        struct sockaddr_in *place = (struct sockaddr_in *)one->ai_addr;
        puts(inet_ntop(AF_INET, &place->sin_addr, text, sizeof text));
    }
    return 0;
}

static int services(const char *name) {
    unsigned char answer[4096];
    ns_msg message;
    ns_rr record;
    int length = res_query(name, C_IN, T_SRV, answer, sizeof answer), number;
    if (length < 0 || ns_initparse(answer, length, &message))
        return 1;
    for (number = 0; number < ns_msg_count(message, ns_s_an); number++) {
        char host[NS_MAXDNAME];
        const unsigned char *data;
        if (ns_parserr(&message, ns_s_an, number, &record) || ns_rr_type(record) != T_SRV)
            continue;
        data = ns_rr_rdata(record);
        if (dn_expand(answer, answer + length, data + 6, host, sizeof host) < 0)
            return 1;
        printf("%d %d %d %s\n", ns_get16(data), ns_get16(data + 2), ns_get16(data + 4), host);
    }
    return 0;
}

int main(int count, char **words) {
    if (count == 3 && !strcmp(words[1], "-s"))
        return services(words[2]);
    return count == 2 ? addresses(words[1]) : 2;
}
