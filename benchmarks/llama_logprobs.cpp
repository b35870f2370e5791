// Prints what a GGUF model says of given tokens, by llama.cpp's own computation.
//
// Reads token ids from standard input, one sequence a line. Writes one line for each token but a
// sequence's first: its log-probability after the tokens before it, and the likeliest id there.
// benchmarks/peer_install.py compiles it against the llama.cpp that llama-server is made of.
//
//     llama-logprobs MODEL.gguf THREADS < ids > logprobs

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "llama.h"

static const int BATCH = 512;

static double logprob(const float * logits, int count, llama_token token) {
    const float most = *std::max_element(logits, logits + count);
    double sum = 0;
    for (int i = 0; i < count; i++) {
        sum += std::exp((double) logits[i] - most);
    }
    return (double) logits[token] - most - std::log(sum);
}

// Scores the tokens that follow ids[0]; false if llama.cpp fails.
static bool score(llama_context * context, int vocab_size, const std::vector<llama_token> & ids) {
    llama_memory_clear(llama_get_memory(context), true);
    llama_batch batch = llama_batch_init(BATCH, 0, 1);
    const int count = (int) ids.size() - 1;
    bool computed = true;
    for (int start = 0; start < count && computed; start += BATCH) {
        batch.n_tokens = std::min(BATCH, count - start);
        for (int i = 0; i < batch.n_tokens; i++) {
            batch.token[i] = ids[start + i];
            batch.pos[i] = start + i;
            batch.n_seq_id[i] = 1;
            batch.seq_id[i][0] = 0;
            batch.logits[i] = 1;
        }
        computed = llama_decode(context, batch) == 0;
        for (int i = 0; i < batch.n_tokens && computed; i++) {
            const float * logits = llama_get_logits_ith(context, i);
            const long likeliest = std::max_element(logits, logits + vocab_size) - logits;
            std::printf("%.9g %ld\n", logprob(logits, vocab_size, ids[start + i + 1]), likeliest);
        }
    }
    llama_batch_free(batch);
    return computed;
}

int main(int argc, char ** argv) {
    if (argc != 3) {
        std::cerr << "usage: llama-logprobs MODEL.gguf THREADS < ids\n";
        return 2;
    }
    std::vector<std::vector<llama_token>> sequences;
    size_t longest = 0;
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream numbers(line);
        sequences.emplace_back(std::istream_iterator<llama_token>(numbers),
                               std::istream_iterator<llama_token>());
        longest = std::max(longest, sequences.back().size());
    }
    llama_backend_init();
    llama_model * model = llama_model_load_from_file(argv[1], llama_model_default_params());
    if (!model) {
        return 1;
    }
    llama_context_params params = llama_context_default_params();
    params.n_ctx = (uint32_t) longest;
    params.n_batch = params.n_ubatch = BATCH;
    params.n_threads = params.n_threads_batch = std::atoi(argv[2]);
    llama_context * context = llama_init_from_model(model, params);
    if (!context) {
        return 1;
    }
    const int vocab_size = llama_vocab_n_tokens(llama_model_get_vocab(model));
    for (const auto & ids : sequences) {
        if (!score(context, vocab_size, ids)) {
            return 1;
        }
    }
    return 0;
}
